/** How Sonde ends: what is queued goes out within a deadline, and the process ends as it would have without Sonde. */
import { diagnostics } from './diagnostics.ts';
import { stopBeingReady } from './readiness.ts';
import { shared } from './slot.ts';

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export interface Ending {
  /** Tries to deliver what is queued; the app may go on afterwards. */
  flush(): Promise<unknown>;
  /** At the natural end, before the flush: what has not ended by now never will by itself. */
  conclude?(): void;
  /** How many items wait for delivery or are under way. */
  waiting(): number;
  /** One last attempt for what is queued, and the sum of what is lost: nothing comes after it. */
  end(timeoutMillis: number): Promise<unknown>;
  /**
   * At `exit`, where nothing asynchronous happens any more: the last attempt for what is left, and the sum. Sudden,
   * where no `flush` at the natural end came before it.
   */
  abandon(millis: number, isSudden: boolean): void;
  /** Milliseconds that the end may be held up in all, in however many steps; 2,000 by default. */
  readonly timeoutMillis: number;
}

/**
 * Flushes at the natural end and on SIGTERM, SIGINT and SIGHUP. A signal that only Sonde listens to is raised again
 * afterwards, so that status and signal stay Node's own; one that the app handles is left to the app.
 * Gives back a function that removes every listener.
 */
export function watchEnds(ending: Ending): () => void {
  const removals = [watchNaturalEnd(ending), ...signals.map((signal) => watchSignal(signal, ending))];
  return () => {
    for (const remove of removals) remove();
  };
}

/**
 * Waits for `work`, at most `timeoutMillis`, and never rejects. Delivery holds the process by nothing of its own, so
 * a timer that does stands in until it is through.
 */
export async function within(timeoutMillis: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMillis);
  });
  try {
    await Promise.race([work, deadline]);
  } catch (error) {
    diagnostics.debug(`A flush failed: ${String(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** What the end of this process may still take, in all its steps. */
const heldUp = { millis: 0 };

/** As `within`, and remembered. */
async function holding(timeoutMillis: number, work: Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await within(timeoutMillis, work);
  heldUp.millis += performance.now() - begin;
}

/** Whoever says something new in each round is not listened to for ever. */
const mostRounds = 3;

/** Flushes, and what the app says meanwhile, too. */
async function flushToTheEnd({ flush, waiting }: Ending): Promise<void> {
  await flush();
  for (let round = 1; round < mostRounds && waiting() > 0; round++) await flush();
}

/** The same at the natural end alone: nothing is changed for who listens to signals. */
export function watchNaturalEnd(ending: Ending): () => void {
  const { abandon, timeoutMillis } = ending;
  let isSudden = true;
  const onEnd = async () => {
    ending.conclude?.();
    await holding(timeoutMillis, flushToTheEnd(ending));
    isSudden = false;
  };
  const onExit = () => {
    try {
      abandon(Math.max(0, timeoutMillis - heldUp.millis), isSudden);
    } catch (error) {
      // A throw in here would change the exit code.
      diagnostics.debug(`The last attempt failed: ${String(error)}`);
    }
  };
  process.once('beforeExit', onEnd);
  process.once('exit', onExit);
  return () => {
    process.off('beforeExit', onEnd);
    process.off('exit', onExit);
  };
}

/** Those of Sonde, which flush and leave the end to others. */
const ownListeners = shared('lifecycle.listeners', () => new WeakSet<object>());

/** Whether this listener of a signal is Sonde's: the app has none where all of them are. */
export function isOwnListener(listener: object): boolean {
  return ownListeners.has(listener);
}

function watchSignal(signal: NodeJS.Signals, { flush, end, timeoutMillis }: Ending): () => void {
  let isEnding = false;
  const onSignal = async () => {
    // Whoever sends it twice (nodemon does) is not heard better: the end is under way, and has its deadline.
    if (isEnding) return;
    const alone = process.listenerCount(signal) === 1;
    isEnding = alone;
    // What an app does on the others may be anything but its end.
    if (alone || signal === 'SIGTERM') stopBeingReady();
    await holding(timeoutMillis, alone ? end(timeoutMillis) : flush());
    if (!alone) return;
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  ownListeners.add(onSignal);
  // First in line: an app's `once` listener that ran before would no longer be counted as the app's handling.
  process.prependListener(signal, onSignal);
  return () => process.off(signal, onSignal);
}
