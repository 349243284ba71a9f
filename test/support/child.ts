/** Runs a real process and waits for its end. */
import { spawn } from 'node:child_process';

export interface Run {
  readonly cwd?: string;
  /** Added to a clean environment: PATH and HOME only, so that the machine's settings do not matter. */
  readonly env?: Record<string, string>;
  readonly node?: string;
  /** Milliseconds until it is killed; 30,000 by default. */
  readonly timeoutMillis?: number;
  /** Called with everything written to stdout so far, and the process: to send a signal at the right moment. */
  readonly onStdout?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The stdout lines that are JSON objects. */
  readonly lines: Record<string, any>[];
}

function jsonLines(text: string): Record<string, any>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

export function cleanEnvironment(env: Record<string, string> = {}): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME, ...env };
}

export function runNode(args: readonly string[], run: Run = {}): Promise<Ended> {
  const child = spawn(run.node ?? process.execPath, args, { cwd: run.cwd, env: cleanEnvironment(run.env) });
  const out = { stdout: '', stderr: '' };
  const timer = setTimeout(() => child.kill('SIGKILL'), run.timeoutMillis ?? 30_000);
  child.stderr.setEncoding('utf8').on('data', (text) => {
    out.stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out.stdout += text;
    run.onStdout?.(out.stdout, (signal) => child.kill(signal));
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...out, lines: jsonLines(out.stdout) });
    });
  });
}
