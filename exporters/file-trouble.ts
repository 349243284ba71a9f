/** What is said of a file that cannot be written, and how often it is tried: a full disk must cost the app nothing. */
import path from 'node:path';
import { diagnostics } from '../src/diagnostics.ts';

/** Milliseconds. */
const pauseMillis = 1000;
const quietMillis = 60_000;

export interface FileTrouble {
  /** How long a file that failed is left alone. Milliseconds. */
  readonly pauseMillis: number;
  /** Throws the last error while the file is left alone. */
  unlessRecent(): void;
  /** Lets the next attempt be made at once. */
  forget(): void;
  /** Counts a failure and tells it, if it is time to. Gives back what to throw. */
  heard(error: unknown): Error;
  /** The file takes lines again. */
  over(): void;
  /** Counts a rotation that failed and tells it. */
  stuck(error: unknown): void;
  /** Counts a line that fits into no file. Gives back what to throw. */
  tooLong(limit: number): Error;
}

/** The ledger of one file. */
export function fileTrouble(file: string): FileTrouble {
  const quietUntil = new Map<string, number>();
  let last: Error | undefined;
  let pausedUntil = 0;
  let turnedAway = 0;

  function tell(kind: string, message: string, code: string): void {
    diagnostics.count(`logs.file_errors.${code.toLowerCase()}`);
    const now = performance.now();
    if (now < (quietUntil.get(kind) ?? 0)) return;
    quietUntil.set(kind, now + quietMillis);
    diagnostics.warn('SONDE_ERR_SINK', message, { path: file, cause: code });
  }

  function heard(error: unknown): Error {
    turnedAway++;
    if (error === last) return last as Error;
    const code = codeOf(error);
    last = error instanceof Error ? error : new Error(String(error));
    pausedUntil = performance.now() + pauseMillis;
    tell('write', `The log file ${file} cannot be written by ${user()}: ${reasonOf(code, file)}`, code);
    return last;
  }

  return {
    pauseMillis,
    unlessRecent() {
      if (last !== undefined && performance.now() < pausedUntil) throw last;
    },
    forget() {
      pausedUntil = 0;
    },
    heard,
    over() {
      if (last === undefined) return;
      last = undefined;
      diagnostics.info(`The log file ${file} is written again; it was out of reach ${turnedAway} times.`);
      turnedAway = 0;
    },
    stuck(error) {
      const code = codeOf(error);
      tell(
        'rotate',
        `The log file ${file} cannot be rotated by ${user()}: ${reasonOf(code, file)} It grows beyond its limit.`,
        code,
      );
    },
    tooLong(limit) {
      const message = `A record of more than ${limit} bytes fits into no file of ${file}.`;
      tell('long', `${message} Raise maxBytes.`, 'too_long');
      return new Error(message);
    },
  };
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown');
}

function user(): string {
  return `uid ${process.geteuid?.() ?? '-'}`;
}

function reasonOf(code: string, file: string): string {
  const folder = path.dirname(file);
  const remedies: Record<string, string> = {
    EACCES: `Give that user the right to write in ${folder}, or name another path.`,
    EPERM: `Give that user the right to write in ${folder}, or name another path.`,
    EROFS: 'The file system is read-only: name a path on another one.',
    ENOSPC: 'The disk is full: make room.',
    EDQUOT: 'The quota of that user is used up: make room.',
    EFBIG: 'The file has reached the largest size that this process may write: raise the limit (ulimit -f).',
    EISDIR: 'It is a folder: name a file in it.',
    ENOTDIR: `A part of ${folder} is a file: name another path.`,
    EEXIST: `A part of ${folder} is a file: name another path.`,
    ENOENT: `${folder} cannot be made: name another path.`,
    ENXIO: 'It is a pipe that nobody reads.',
    EMFILE: 'The process has too many open files: raise the limit (ulimit -n).',
    ELOCKED: 'Another process holds its lock: see whether one hangs.',
  };
  return `${code}. ${remedies[code] ?? 'See the code.'}`;
}
