/** Child processes of a benchmark. A child says what it measured as one JSON text on file descriptor 3. */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { type Contender, environment, home } from './contenders.ts';

const pinning: boolean = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Runs `script` to its end under a contender and returns its report. `stdout` is a descriptor, or nothing. */
export async function measure<Report>(
  contender: Contender,
  script: string,
  args: readonly string[],
  sinkPort: number,
  stdout: number | 'ignore' = 'ignore',
): Promise<Report> {
  const child = spawn(process.execPath, [...contender.flags, script, ...args], {
    cwd: home,
    env: environment(contender, sinkPort),
    stdio: ['ignore', stdout, 'pipe', 'pipe'],
  });
  const [report, complaints] = await Promise.all([
    text(child.stdio[3]),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (report === '') throw new Error(`${contender.name}: ${script} reported nothing\n${complaints}`);
  return JSON.parse(report) as Report;
}

async function text(stream: any): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}

/** A child that lives through the whole benchmark and answers one message with one message. */
export class Partner {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts `script` and waits for its first message. */
  static async start(
    script: string,
    options: { flags?: readonly string[]; env?: NodeJS.ProcessEnv; core?: number } = {},
  ): Promise<{ partner: Partner; hello: any }> {
    const child = fork(`${home}/${script}`, {
      cwd: home,
      execArgv: [...(options.flags ?? [])],
      env: options.env ?? process.env,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [hello] = await once(child, 'message');
    if (pinning && options.core !== undefined) {
      spawnSync('taskset', ['-acp', String(options.core), String(child.pid)]);
    }
    return { partner: new Partner(child), hello };
  }

  async ask(question: object): Promise<any> {
    this.#child.send(question);
    const listening = new AbortController();
    const { signal } = listening;
    const gone = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error('a benchmark process died');
    });
    try {
      return (await Promise.race([once(this.#child, 'message', { signal }), gone]))[0];
    } finally {
      gone.catch(() => undefined);
      listening.abort();
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
