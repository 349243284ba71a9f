/** Whether this process is one to observe. Loads nothing of the core until that is known. */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environment } from './config/env.ts';
import { load } from './load.ts';
import { isInline, isTool, isToolRun, preloads } from './rollout.ts';
import { isMainThread, threads } from './threads.ts';

/** Under this name a worker thread finds whether its process is left alone; its own script says nothing. */
const leftAlone = 'sonde.left-alone';

/**
 * A machine-wide NODE_OPTIONS also reaches npm and its like, and one-liners whose output a shell script reads; a flag
 * on the command line is meant.
 */
function isLeftAlone(door: string): boolean {
  const { argv, execArgv } = process;
  const { NODE_TEST_CONTEXT, SONDE_FORCE } = environment();
  if (/^(?:1|true)$/i.test(SONDE_FORCE ?? '')) return false;
  if (isToolRun(execArgv, NODE_TEST_CONTEXT !== undefined)) return true;
  if (preloads(execArgv).some((name) => name.includes('sonde') || leadsTo(name, door))) return false;
  return isInline(argv[1], execArgv) || isTool(realPath(argv[1]!), argv[2]);
}

function leadsTo(name: string, door: string): boolean {
  return realPath(name.startsWith('file:') ? fileURLToPath(name) : name) === fileURLToPath(door);
}

function realPath(script: string): string {
  return fs.existsSync(script) ? fs.realpathSync(script) : script;
}

/** @param door URL of the file that was preloaded */
export function preload(door: string): void {
  const isOut = isMainThread() ? isLeftAlone(door) : threads()?.getEnvironmentData(leftAlone) === true;
  if (isOut) process.getBuiltinModule('node:worker_threads').setEnvironmentData(leftAlone, true);
  else load<typeof import('./start.ts')>('start').start();
}
