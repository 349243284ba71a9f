/** Records that wait for company or for an error (A39): Python's `MemoryHandler`. */
import { rootContext, runIn } from '../src/context/context.ts';
import { SondeError } from '../src/errors.ts';
import type { Destination } from '../src/logs/handler.ts';
import { type Level, parseLevel } from '../src/logs/levels.ts';
import { lastResort } from '../src/logs/pipeline.ts';
import type { LogRecord } from '../src/logs/record.ts';
import { atExit } from './at-exit.ts';

export interface MemoryDestinationOptions {
  /** How many records wait; the last of them lets all out. 100 by default. */
  readonly capacity?: number;
  /** A record of this level or above lets all out at once. `error` by default, in any case. */
  readonly flushLevel?: Level | Uppercase<Level>;
  /** Where they go, in order. Closed with this destination. */
  readonly target: Destination;
  /** Milliseconds that a record waits at most; 5,000 by default, 0 as long as it takes (Python). */
  readonly flushIntervalMs?: number;
}

/**
 * Holds records back and gives them to `target` together. They are formatted only then: a value that the app changes
 * meanwhile is written as it is then. What `target` throws at goes to the last resort one by one.
 *
 * @throws SondeError for a level or capacity that does not exist
 * @example memoryDestination({ capacity: 100, flushLevel: 'error', target: fileDestination({ path: 'app.log' }) })
 */
export function memoryDestination(options: MemoryDestinationOptions): Destination {
  const { capacity = 100, flushLevel = 'error', target, flushIntervalMs = 5000 } = options;
  const level = parseLevel(flushLevel);
  if (level === undefined) throw wrong(`flushLevel "${flushLevel}"`, 'the name of a level');
  if (!(capacity >= 0)) throw wrong(`capacity ${String(capacity)}`, 'a number');
  let held: LogRecord[] = [];
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function release(): void {
    clearTimeout(timer);
    timer = undefined;
    const records = held;
    held = [];
    for (const record of records) {
      try {
        target.write(record);
      } catch {
        lastResort(record);
      }
    }
  }

  function flushSync(): void {
    release();
    target.flushSync?.();
  }

  const stayAwake = atExit(flushSync);

  return {
    write(record) {
      if (closed) throw new Error('The memory buffer is closed.');
      held.push(record);
      if (held.length >= capacity || record.severityNumber >= level) release();
      else if (flushIntervalMs > 0) {
        timer ??= runIn(rootContext, () => setTimeout(release, flushIntervalMs).unref());
      }
    },
    async flush() {
      release();
      await target.flush?.();
    },
    flushSync,
    close() {
      if (closed) return;
      closed = true;
      stayAwake();
      release();
      target.close?.();
    },
  };
}

function wrong(what: string, takes: string): SondeError {
  return new SondeError('SONDE_ERR_OPTION', `A memory buffer cannot have the ${what}: it takes ${takes}.`);
}
