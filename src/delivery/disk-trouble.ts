/** What is said of a spool that cannot be used: a line for each outage, one a minute at most, and a counter. */
import { diagnostics } from '../diagnostics.ts';

export interface DiskTrouble {
  heard(error: unknown): void;
  /** The disk takes parcels again. */
  over(): void;
  /** The last error, for people; none when all is well. */
  readonly last: string | undefined;
}

const quietMillis = 60_000;

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: make room',
  EDQUOT: 'the quota is used up: make room',
  EROFS: 'the file system is read-only: mount a volume there',
  EACCES: 'this user may not write there: give it the right to, or name another folder',
  EPERM: 'this user may not write there: give it the right to, or name another folder',
  ENOENT: 'the folder is gone, or cannot be made',
  ENOTDIR: 'a part of the path is a file',
  EMFILE: 'the process has too many open files',
  EIO: 'the disk is broken',
};

export function diskTrouble(dir: string): DiskTrouble {
  let last: string | undefined;
  let quietUntil = 0;
  return {
    heard(error) {
      const { code, message } = error as NodeJS.ErrnoException;
      diagnostics.count(`spool.errors.${(code ?? 'unknown').toLowerCase()}`);
      const isNew = last === undefined;
      last = code === undefined ? String(message) : `${reasons[code] ?? 'it cannot be written'} (${code})`;
      if (!isNew || performance.now() < quietUntil) return;
      quietUntil = performance.now() + quietMillis;
      diagnostics.warn('SONDE_ERR_SPOOL', `The spool in ${dir} is out of use: ${last}.`);
    },
    over() {
      if (last === undefined) return;
      last = undefined;
      diagnostics.info(`The spool in ${dir} is in use again.`);
    },
    get last() {
      return last;
    },
  };
}
