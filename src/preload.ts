/** Whether this process is one to observe. Loads nothing of the core until that is known. */
import fs from 'node:fs';
import { environment } from './config/env.ts';
import { load } from './load.ts';
import { isTool } from './rollout.ts';

/** A machine-wide NODE_OPTIONS also reaches npm and its like; a flag on the command line is meant. */
function isLeftAlone(): boolean {
  if (process.execArgv.some((flag) => flag.includes('sonde'))) return false;
  const script = process.argv[1] ?? '';
  const real = fs.existsSync(script) ? fs.realpathSync(script) : script;
  return isTool(real, process.argv[2]) && !/^(?:1|true)$/i.test(environment().SONDE_FORCE ?? '');
}

export function preload(): void {
  if (!isLeftAlone()) load<typeof import('./start.ts')>('start').start();
}
