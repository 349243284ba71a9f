/**
 * Lines to standard output and standard error. Written at once and straight to the descriptor, so that a crash in the
 * next statement loses nothing; a closed, full or stuck destination never hurts the app (A36).
 */
import fs from 'node:fs';
import { isPm2Worker } from '../config/env.ts';
import { diagnostics } from '../diagnostics.ts';
import { shared } from '../slot.ts';
import { isMainThread } from '../threads.ts';
import { takenOverStream } from './taken-over-stream.ts';

export type StreamName = 'stdout' | 'stderr';

/** One standard stream of the process. */
export interface LineStream {
  /** Writes one line; the line break is added. Never throws. */
  write(line: string): void;
  /** Whether a person is likely to read it. Asked once. */
  readonly isTerminal: boolean;
}

/** What a reader that stands still may cost: milliseconds of waiting, once within so many, and bytes that are kept. */
const longestWait = 50;
const hopelessMillis = 1000;
const longestLastWait = 500;
const mostPending = 1_048_576;
const retryMillis = 20;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** The stream of this name; one per process. */
export function lineStream(name: StreamName): LineStream {
  return shared(`logs.stream.${name}`, () => {
    const direct = openStream(name, name === 'stdout' ? 1 : 2);
    return isPm2Worker() ? takenOverStream(name, direct) : direct;
  });
}

function openStream(name: StreamName, fd: number): LineStream {
  let way: number | undefined;
  let closed = false;
  let stuckAt = Number.NEGATIVE_INFINITY;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let retrying = false;
  let atExit = false;
  let terminal: boolean | undefined;

  function write(line: string): void {
    const text = `${line}\n`;
    if (closed) diagnostics.count(`logs.dropped.${name}_closed`);
    else if (pending.length > 0) queue(text);
    else send(text);
  }

  function send(text: string): void {
    try {
      way ??= openWay(name, fd);
      const written = fs.writeSync(way, text);
      if (written < text.length || isCut(text, written)) finish(Buffer.from(text).subarray(written));
    } catch (error) {
      if (isBusy(error)) finish(Buffer.from(text));
      else refused(error);
    }
  }

  function finish(bytes: Buffer, wait: number = patience()): void {
    let rest = bytes;
    const end = performance.now() + wait;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(fs.writeSync(way ?? fd, rest));
      } catch (error) {
        if (isBusy(error) && performance.now() < end) {
          Atomics.wait(sleeper, 0, 0, 1);
          continue;
        }
        if (wait > 0 && rest.length === bytes.length) stuckAt = performance.now();
        if (isBusy(error)) keep(rest);
        else refused(error);
        return;
      }
    }
  }

  /** A reader that has just taken nothing for that long is not waited for again at once. */
  function patience(): number {
    return performance.now() - stuckAt < hopelessMillis ? 0 : longestWait;
  }

  function refused(error: unknown): void {
    const code = String((error as NodeJS.ErrnoException).code);
    closed = code === 'EPIPE' || code === 'EBADF' || code === 'EIO';
    diagnostics.count(`logs.dropped.${name}_${closed ? 'closed' : code.toLowerCase()}`);
    if (closed && name === 'stdout') return;
    diagnostics.warnOnce(
      `logs.${name}.${code}`,
      'SONDE_ERR_SINK',
      `Lines cannot be written to ${name}: ${code}.`,
    );
  }

  function queue(text: string): void {
    const bytes = Buffer.from(text);
    const isFull = () => pendingBytes + bytes.length > mostPending;
    if (isFull()) release(patience());
    if (isFull()) blocked();
    else keep(bytes);
  }

  function blocked(): void {
    diagnostics.count(`logs.dropped.${name}_blocked`);
    const what = `Lines cannot be written to ${name}: its reader stands still. They are dropped and counted.`;
    if (name === 'stdout') diagnostics.warnOnce('logs.stdout.blocked', 'SONDE_ERR_SINK', what);
  }

  /** The rest of a line that is half out is kept whatever its size: half a line would spoil the next one. */
  function keep(bytes: Buffer): void {
    pending.push(bytes);
    pendingBytes += bytes.length;
    if (!atExit) process.once('exit', () => release(longestLastWait));
    atExit = true;
    if (!retrying) retryLater();
  }

  function retryLater(): void {
    retrying = true;
    setTimeout(() => {
      release(0);
      retrying = false;
      if (pending.length > 0) retryLater();
    }, retryMillis).unref();
  }

  function release(wait: number): void {
    const bytes = pending.length === 1 ? (pending[0] as Buffer) : Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    finish(bytes, wait);
  }

  return {
    write,
    get isTerminal() {
      terminal ??= isTerminal(fd);
      return terminal;
    },
  };
}

/**
 * A way to the same reader that answers EAGAIN where it would wait: a pipe is opened once more, so that nobody else
 * who writes to it sees a difference; a socket has one way only, which Node itself makes so as soon as it is used.
 */
function openWay(name: StreamName, fd: number): number {
  try {
    const stat = fs.fstatSync(fd);
    if (stat.isSocket() && isMainThread()) void process[name];
    if (!stat.isFIFO() || process.platform !== 'linux') return fd;
    return fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}

/** Most lines are plain ASCII: as many bytes as characters, and no need to count. */
function isCut(text: string, written: number): boolean {
  return written !== text.length && written < Buffer.byteLength(text);
}

function isBusy(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'EAGAIN';
}

/** `/dev/null`, known by its number: `node:tty` and the network below it would be loaded for nothing. */
function isNull({ rdev }: fs.BigIntStats): boolean {
  return process.platform === 'linux' && rdev === 259n;
}

/** `node:tty` brings the network stack along, so it is loaded only for what may be a terminal. */
function isTerminal(fd: number): boolean {
  try {
    // Not the plain form: on Node 22, asked in a preload, it makes the next `realpath` of a link come out wrong, and
    // every package that npm or pnpm has linked is not found.
    const status = fs.fstatSync(fd, { bigint: true });
    if (!status.isCharacterDevice() || isNull(status)) return false;
    return process.getBuiltinModule('node:tty').isatty(fd);
  } catch {
    return false;
  }
}
