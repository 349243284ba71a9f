/** How Sonde ends: what is queued goes out within a deadline, and the process ends as it would have without Sonde. */
import { diagnostics } from './diagnostics.ts';

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export interface Ending {
  /** Tries to deliver what is queued; the app may go on afterwards. */
  flush(): Promise<unknown>;
  /** How many items wait for delivery or are under way. */
  waiting(): number;
  /** One last attempt for what is queued, and the sum of what is lost: nothing comes after it. */
  end(timeoutMillis: number): Promise<unknown>;
  /** At `exit`, where nothing can be sent any more: counts what is still queued, and says it. */
  abandon(): void;
  /** Milliseconds that a signal or the natural end may be held up; 2,000 by default. */
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

/** Whoever says something new in each round is not listened to for ever. */
const mostRounds = 3;

/** Flushes, and what the app says meanwhile, too. */
async function flushToTheEnd({ flush, waiting }: Ending): Promise<void> {
  await flush();
  for (let round = 1; round < mostRounds && waiting() > 0; round++) await flush();
}

function watchNaturalEnd(ending: Ending): () => void {
  const { abandon, timeoutMillis } = ending;
  const onEnd = () => void within(timeoutMillis, flushToTheEnd(ending));
  process.once('beforeExit', onEnd);
  process.once('exit', abandon);
  return () => {
    process.off('beforeExit', onEnd);
    process.off('exit', abandon);
  };
}

function watchSignal(signal: NodeJS.Signals, { flush, end, timeoutMillis }: Ending): () => void {
  const onSignal = async () => {
    const alone = process.listenerCount(signal) === 1;
    await within(timeoutMillis, alone ? end(timeoutMillis) : flush());
    if (!alone) return;
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  // First in line: an app's `once` listener that ran before would no longer be counted as the app's handling.
  process.prependListener(signal, onSignal);
  return () => process.off(signal, onSignal);
}
