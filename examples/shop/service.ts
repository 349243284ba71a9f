/** One service of the shop as a child process under the preload. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** One line of a service's standard output, parsed. */
export type Line = Record<string, any>;

export interface Service {
  readonly name: string;
  readonly url: string;
  /** Everything the service has logged so far. */
  readonly lines: Line[];
  /** Asks it to end, as an orchestrator would, and waits until it has. */
  stop(): Promise<void>;
}

/** Starts `<name>.ts` with `--require sonde/register` and resolves once it listens. */
export async function startService(name: string, env: Record<string, string>): Promise<Service> {
  const child = spawn(
    process.execPath,
    ['--require', 'sonde/register', `${import.meta.dirname}/${name}.ts`],
    {
      cwd: import.meta.dirname,
      env: { ...process.env, ...env, OTEL_SERVICE_NAME: name },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines: Line[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the ${name} service ended with code ${code}`)));
    createInterface(child.stdout).on('line', (text) => {
      const line = JSON.parse(text);
      lines.push(line);
      if (line.message === 'listening') resolve(line.port);
    });
  });
  return { name, url: `http://127.0.0.1:${port}`, lines, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, 'close');
  child.kill('SIGTERM');
  await gone;
}
