/** Records as lines in a file that rotates (A37, A38): Python's `FileHandler` and its two rotating relatives. */
import path from 'node:path';
import type { LogFormat } from '../src/config/config.ts';
import { rootContext, runIn } from '../src/context/context.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { SondeError } from '../src/errors.ts';
import { type Format, lineFormat } from '../src/logs/format.ts';
import type { Destination } from '../src/logs/handler.ts';
import { severity } from '../src/logs/levels.ts';
import { lineStream } from '../src/logs/line-stream.ts';
import { atExit } from './at-exit.ts';
import { fileTrouble } from './file-trouble.ts';
import { rolloverTimes, type When } from './rollover-times.ts';
import { rotatingFile } from './rotating-file.ts';

export interface FileDestinationOptions {
  /** Relative to the folder that is current now. Its folder is made. */
  readonly path: string;
  /**
   * Bytes that no file exceeds; 10,485,760 by default, 0 never rotates. Does not apply under `when`. A single line
   * that is longer goes to the last resort.
   */
  readonly maxBytes?: number;
  /** Files kept beside the one that is written: 5 by default. 0 never rotates, and keeps all under `when`. */
  readonly backupCount?: number;
  /** Rotates by the clock, counted from the birth of the file: backups are `app.log.2026-01-20`, not `app.log.1`. */
  readonly when?: When | (string & {});
  /** How many of the unit `when` a file covers; 1 by default. */
  readonly interval?: number;
  /** Whether midnight and the names of backups are UTC; local time by default. */
  readonly utc?: boolean;
  /** Compresses backups in the background: `app.log.1.gz`. Off by default. */
  readonly gzip?: boolean;
  /**
   * Gathers 16 KB of lines before writing; they are out after 100 ms at the latest, at exit, in a crash, and with
   * every record of ERROR and above. Only SIGKILL loses them. Off by default: each record is written at once.
   */
  readonly buffered?: boolean;
  /** A name, or a function of one's own; JSON lines by default. */
  readonly format?: LogFormat | Format;
  /** Opens the file with the first record only. By default at once, so that a wrong path is told at start. */
  readonly delay?: boolean;
  /** UTF-8 by default. */
  readonly encoding?: BufferEncoding;
}

/** Lines in a file that rotates, whatever they are. */
export interface LineFile {
  /** Takes a line without its break; an urgent one is written at once. Throws what the file system says, remedied. */
  write(line: string, urgent: boolean): void;
  flush(): Promise<void>;
  flushSync(): void;
  close(): void;
}

const mostGathered = 16_384;
const idleMillis = 100;

/**
 * The file follows whoever moves, deletes or cuts it (logrotate with `create` or `copytruncate`), and several
 * processes may write to one path. A file that cannot be written hurts nobody: its records go to the last resort, it
 * is said with path, user and remedy, once a minute at most, and the file is tried again every second.
 *
 * @throws SondeError for an unknown `when`, `interval` or `encoding`, and for nothing that the file system says
 * @example fileDestination({ path: 'logs/app.log', buffered: true })
 */
export function fileDestination(options: FileDestinationOptions): Destination {
  const out = lineFile(options);
  const toLine =
    typeof options.format === 'function' ? options.format : lineFormat(options.format ?? 'json', false);
  return {
    ...out,
    write(record) {
      out.write(toLine(record), !options.buffered || record.severityNumber >= severity.ERROR);
    },
  };
}

/** What the file destination and the exporter `otlp_file` have in common. */
export function lineFile(options: Omit<FileDestinationOptions, 'format'>): LineFile {
  const { maxBytes = 10_485_760, backupCount = 5, encoding = 'utf8', when, interval, utc } = options;
  if (!Buffer.isEncoding(encoding)) throw unknownEncoding(encoding);
  const file = path.resolve(options.path);
  const trouble = fileTrouble(file);
  const times = when === undefined ? undefined : rolloverTimes(when, interval, utc);
  const gzip = options.gzip ?? false;
  const out = rotatingFile({
    ...{ path: file, maxBytes, backupCount, times, gzip, encoding },
    onStuck: trouble.stuck,
  });
  const longest =
    times === undefined && maxBytes > 0 && backupCount > 0 ? maxBytes : Number.POSITIVE_INFINITY;
  const lines: string[] = [];
  let gathered = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function release(): void {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    try {
      trouble.unlessRecent();
      out.append(lines);
      gathered = 0;
      trouble.over();
    } catch (error) {
      gathered = lines.reduce((sum, line) => sum + line.length, 0);
      throw trouble.heard(error);
    }
  }

  /** What a failing file has not taken stays for the next second; no more than the buffer's size of it. */
  function releaseLater(millis: number): void {
    timer ??= runIn(rootContext, () => setTimeout(releaseQuietly, millis).unref());
  }

  function releaseQuietly(): void {
    timer = undefined;
    try {
      if (lines.length > 0) release();
    } catch {
      releaseLater(trouble.pauseMillis);
    }
  }

  function write(line: string, urgent: boolean): void {
    lines.push(line);
    gathered += line.length;
    if (!urgent && gathered < mostGathered) {
      releaseLater(idleMillis);
      return;
    }
    try {
      release();
    } catch (error) {
      takeBack(line);
      if (lines.length > 0) releaseLater(trouble.pauseMillis);
      throw error;
    }
  }

  /** It goes to the last resort, and must not be written here as well later on. */
  function takeBack(line: string): void {
    const at = lines.lastIndexOf(line);
    if (at < 0) return;
    lines.splice(at, 1);
    gathered -= line.length;
  }

  function flushSync(): void {
    trouble.forget();
    releaseQuietly();
  }

  /** Nobody will try again: the rest goes where records without a destination go. */
  function lastFlush(): void {
    flushSync();
    if (lines.length === 0) return;
    diagnostics.count('logs.last_resort', lines.length);
    for (const line of lines.splice(0)) lineStream('stderr').write(line.slice(0, -1));
  }

  const stayAwake = options.buffered ? atExit(lastFlush) : () => undefined;
  if (!options.delay) open();

  function open(): void {
    try {
      out.open();
    } catch (error) {
      trouble.heard(error);
    }
  }

  return {
    write(text, urgent) {
      if (closed) throw new Error(`The log file ${file} is closed.`);
      const line = `${text}\n`;
      if (line.length * 4 > longest && Buffer.byteLength(line, encoding) > longest)
        throw trouble.tooLong(longest);
      write(line, urgent);
    },
    async flush() {
      flushSync();
      await out.settled();
    },
    flushSync,
    close() {
      if (closed) return;
      closed = true;
      lastFlush();
      clearTimeout(timer);
      stayAwake();
      out.close();
    },
  };
}

function unknownEncoding(encoding: string): SondeError {
  return new SondeError('SONDE_ERR_OPTION', `A log file cannot be written in the encoding "${encoding}".`);
}
