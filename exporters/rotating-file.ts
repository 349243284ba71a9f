/**
 * A file that is appended to and closed when it is full or its time is over, by any number of processes at once.
 *
 * The lock is taken near the end of the file only: how near, and how often one looks where the end is, depends on
 * whether somebody else was seen writing. So no file grows beyond its limit, and one process pays nearly nothing for
 * the others that it does not have.
 */
import fs from 'node:fs';
import path from 'node:path';
import { rootContext, runIn } from '../src/context/context.ts';
import { suppressed } from '../src/context/suppression.ts';
import { compressBackups, lockPath, nameByTime, shiftNumbers } from './backups.ts';
import { holding } from './file-lock.ts';
import type { RolloverTimes } from './rollover-times.ts';

/** How long one may write without looking whether the file was moved, cut or shared. Milliseconds. */
const lookEvery = 0.5;
/** How long somebody who was seen writing is expected back. Milliseconds. */
const companyStays = 5000;
/** More than anybody can write unseen in `lookEvery`. Bytes. */
const margin = 65_536;
/** In company: more than the others can write while this process stands still between looking and writing. */
const partInCompany = 0.25;
/** After a rotation that failed the file is written on, and the next is tried so much later. Milliseconds. */
const rotateAgainAfter = 60_000;

/** How often, a millisecond apart, a line is found unfinished before it counts as left behind. */
const patience = 5;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const unobserved = suppressed(rootContext);
const { O_APPEND, O_CREAT, O_WRONLY, O_NONBLOCK = 0 } = fs.constants;

export interface RotatingFileOptions {
  /** Absolute. */
  readonly path: string;
  /** Bytes; 0 never rotates by size. */
  readonly maxBytes: number;
  readonly backupCount: number;
  /** Rotates by the clock, and not by size. */
  readonly times?: RolloverTimes;
  readonly gzip: boolean;
  readonly encoding: BufferEncoding;
  /** Told when a rotation fails; the file is then written on beyond its limit. */
  readonly onStuck: (error: unknown) => void;
}

export interface RotatingFile {
  /** Opens or makes the file and its folder. Throws what the file system says. */
  open(): void;
  /**
   * Writes the lines in order and takes off the front of the list what is written; each line goes into one file as
   * a whole. Throws what the file system says, with the rest still in the list.
   */
  append(lines: string[]): void;
  /** Resolves when no backup is being compressed. */
  settled(): Promise<void>;
  close(): void;
}

/** Opens nothing yet. */
export function rotatingFile(options: RotatingFileOptions): RotatingFile {
  const { path: file, maxBytes, backupCount, times, encoding } = options;
  const bySize = times === undefined && maxBytes > 0 && backupCount > 0;
  let fd: number | undefined;
  let identity = '';
  let isRegular = true;
  let size = 0;
  let torn = false;
  let rollover = Number.POSITIVE_INFINITY;
  let lookAt = 0;
  let companyUntil = 0;
  let stuckUntil = 0;
  let compressing: Promise<void> = Promise.resolve();

  function open(): number {
    close();
    fs.mkdirSync(path.dirname(file), { recursive: true });
    // A named pipe that nobody reads must fail and not hang.
    fd = fs.openSync(file, O_APPEND | O_CREAT | O_WRONLY | O_NONBLOCK, 0o666);
    const there = fs.fstatSync(fd);
    identity = identityOf(there);
    isRegular = there.isFile();
    size = there.size;
    torn = isRegular && size > 0 && endsInside();
    rollover = times?.next(there.birthtimeMs || there.mtimeMs) ?? Number.POSITIVE_INFINITY;
    return fd;
  }

  /** A process killed while it wrote leaves half a line, which must not swallow the next one. */
  function endsInside(): boolean {
    if (encoding !== 'utf8') return false;
    for (let looks = 1; !endsWithLine(file); looks++) {
      if (looks === patience) return true;
      // Perhaps another process is in the middle of writing.
      Atomics.wait(sleeper, 0, 0, 1);
    }
    return false;
  }

  function close(): void {
    if (fd === undefined) return;
    const old = fd;
    fd = undefined;
    fs.closeSync(old);
  }

  /** Follows the path to a new file, and learns how large the one at hand has become. */
  function look(now: number): void {
    lookAt = now + lookEvery;
    const there = fd === undefined ? undefined : fs.statSync(file, { throwIfNoEntry: false });
    if (there === undefined || identityOf(there) !== identity) {
      open();
      return;
    }
    if (there.size > size) companyUntil = now + companyStays;
    size = there.size;
  }

  function rotates(now: number): boolean {
    return isRegular && now >= stuckUntil && (bySize || times !== undefined);
  }

  function isFarFromEnd(lines: readonly string[], now: number): boolean {
    if (!bySize) return Date.now() < rollover;
    const rest = now < companyUntil ? Math.max(margin, maxBytes * partInCompany) : margin;
    return size + rest + mostBytesOf(lines) <= maxBytes;
  }

  function append(lines: string[]): void {
    while (lines.length > 0) {
      const now = performance.now();
      if (now >= lookAt || now < companyUntil || fd === undefined) look(now);
      if (!rotates(now) || isFarFromEnd(lines, now)) write(lines, lines.length);
      else holding(lockPath(file), () => appendAlone(lines, now));
    }
  }

  function appendAlone(lines: string[], now: number): void {
    look(now);
    if (size > 0 && isDue(lines[0]!)) rotate(now);
    write(lines, bySize ? fitting(lines) : lines.length);
  }

  function isDue(line: string): boolean {
    return bySize ? size + bytesOf([line]) > maxBytes : Date.now() >= rollover;
  }

  /** How many of the lines still go into this file: at least one, for what never fits is not given here. */
  function fitting(lines: readonly string[]): number {
    let count = 0;
    for (let end = size; count < lines.length; count++) {
      end += bytesOf([lines[count]!]);
      if (end > maxBytes) break;
    }
    return Math.max(count, 1);
  }

  function rotate(now: number): void {
    try {
      if (times === undefined) shiftNumbers(file, backupCount);
      else if (!nameByTime(file, times, rollover, backupCount)) rollover = times.next(rollover);
    } catch (error) {
      stuckUntil = now + rotateAgainAfter;
      options.onStuck(error);
      return;
    }
    look(now);
    if (options.gzip) compressing = compressing.then(compressed);
  }

  function compressed(): Promise<void> {
    return runIn(unobserved, () => compressBackups(file, times?.pattern));
  }

  function write(lines: string[], count: number): void {
    const text = (torn ? '\n' : '') + (lines.length === 1 ? lines[0] : lines.slice(0, count).join(''));
    const written = fs.writeSync(fd!, text, null, encoding);
    const length = Buffer.byteLength(text, encoding);
    if (written < length) finish(Buffer.from(text, encoding), written);
    torn = false;
    size += length;
    if (count === lines.length) lines.length = 0;
    else lines.splice(0, count);
  }

  /** The disk took only a part. What cannot be finished is taken back: half a line is worse than none. */
  function finish(bytes: Buffer, taken: number): void {
    let written = taken;
    try {
      while (written < bytes.length) written += fs.writeSync(fd!, bytes, written);
    } catch (error) {
      torn = true;
      if (isRegular && fs.fstatSync(fd!).size === size + written) {
        fs.ftruncateSync(fd!, size);
        torn = false;
      }
      throw error;
    }
  }

  function bytesOf(lines: readonly string[]): number {
    let bytes = torn ? 1 : 0;
    for (const line of lines) bytes += Buffer.byteLength(line, encoding);
    return bytes;
  }

  return { open: () => void open(), append, settled: () => compressing, close };
}

/** Without counting: no encoding makes more than three bytes of a character. */
function mostBytesOf(lines: readonly string[]): number {
  let characters = 1;
  for (const line of lines) characters += line.length;
  return characters * 3;
}

/** Whether the last byte is a line break; what cannot be read is not doubted. */
function endsWithLine(file: string): boolean {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, 'r');
    const last = Buffer.of(10);
    fs.readSync(fd, last, 0, 1, Math.max(0, fs.fstatSync(fd).size - 1));
    return last[0] === 10;
  } catch {
    return true;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

function identityOf({ dev, ino }: fs.Stats): string {
  return `${dev}:${ino}`;
}
