/** Which app this is: its main script, and the package.json nearest to it. Never the working directory. */
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isInline } from '../rollout.ts';
import { isMainThread, threads } from '../threads.ts';
import { type Env, environment } from './env.ts';

/** Under this name a worker thread finds its process's main script; its own `argv` names the worker's file. */
const inherited = 'sonde.main-script';

function ofThisThread(env: Env): string | undefined {
  const { AWS_LAMBDA_FUNCTION_NAME, LAMBDA_TASK_ROOT, _HANDLER = '' } = env;
  // The script is the runtime's, not the function's.
  if (AWS_LAMBDA_FUNCTION_NAME && LAMBDA_TASK_ROOT) return join(LAMBDA_TASK_ROOT, _HANDLER);
  const script = process.argv[1];
  if (script === undefined || isInline(script, process.execArgv)) return undefined;
  // pm2 starts apps through a script of its own and tells them the real one.
  const isContainer = /^ProcessContainer/.test(basename(script));
  return realPath((isContainer && env.pm_exec_path) || script);
}

function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    // `node app` names app.js without its ending.
    return path;
  }
}

/** The real path of the script the process was started with; none for `node -e`, `node -` and the prompt. */
export function mainScript(env: Env): string | undefined {
  if (isMainThread()) return ofThisThread(env);
  const told = threads()?.getEnvironmentData(inherited);
  return typeof told === 'string' ? told || undefined : ofThisThread(env);
}

/** Leaves the main script where the worker threads of this process look for it: once the app has threads. */
export function handDownMainScript({ setEnvironmentData }: typeof import('node:worker_threads')): void {
  if (isMainThread()) setEnvironmentData(inherited, mainScript(environment()) ?? '');
}

export interface AppPackage {
  /** Path of the package.json. */
  readonly file: string;
  readonly name: string;
  readonly version?: string;
}

function readPackage(file: string): AppPackage | undefined {
  try {
    const { name, version } = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;
    if (typeof name !== 'string' || name.trim() === '') return undefined;
    return { file, name: name.trim(), ...(typeof version === 'string' && version !== '' && { version }) };
  } catch {
    return undefined;
  }
}

/** The nearest package.json above the script that has a name: `{ "type": "module" }` in a dist folder has none. */
export function appPackage(script: string | undefined): AppPackage | undefined {
  if (script === undefined) return undefined;
  for (let folder = script, last = ''; folder !== last; last = folder, folder = dirname(folder)) {
    const found = readPackage(join(folder, 'package.json'));
    if (found) return found;
  }
  return undefined;
}
