/** The browser's functions have the types of the Node.js entry's: run by nobody. */
import type * as browser from '../../src/browser/index.ts';
import type * as node from '../../src/index.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Functions<Entry> = Omit<Entry, 'getLogger' | 'setLevel' | 'SondeError'>;

export const same: Same<Functions<typeof browser>, Functions<typeof node>> = true;
export const loggers: Same<typeof browser.getLogger, typeof node.getLogger> = true;
export const levels: Same<typeof browser.setLevel, typeof node.setLevel> = true;
