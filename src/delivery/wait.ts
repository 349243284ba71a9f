/** Ways of waiting. None of them holds the process: `within` of lifecycle.ts does, for as long as the app allows. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until `work` settles, at most `millis` milliseconds, or until `enough` says that there is nothing to wait
 * for; resolves then, never rejects.
 */
export function settled(
  work: Promise<unknown>,
  millis: number,
  enough: () => boolean = () => false,
): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(done, millis).unref();
    const look = setInterval(() => enough() && done(), 20).unref();
    function done(): void {
      clearTimeout(deadline);
      clearInterval(look);
      resolve();
    }
    if (enough()) done();
    work.then(done, done);
  });
}

/** Waits without holding the process; an abort ends it early. */
export async function pause(millis: number, signal: AbortSignal): Promise<void> {
  await sleep(millis, undefined, { signal, ref: false }).catch(() => undefined);
}

/** Waits for `work`, or until `signal` says that it is not worth it any more. */
export async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = () => resolve();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  await Promise.race([work, promise]);
  signal.removeEventListener('abort', stop);
}
