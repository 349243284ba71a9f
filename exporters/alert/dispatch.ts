/** Alerts on their way to one channel: one at a time, tried three times, never more than 200 waiting. */
import { rootContext, runIn } from '../../src/context/context.ts';
import { suppressed } from '../../src/context/suppression.ts';
import { pause } from '../../src/delivery/wait.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { SondeError } from '../../src/errors.ts';
import { redactText } from '../../src/processing/redact.ts';
import { type Alert, type Channel, RefusedError } from './channel.ts';

/** Times in milliseconds. */
export interface DispatchTimes {
  /** For one attempt; 10,000 by default. */
  readonly attemptMillis: number;
  /** Before the second attempt, and twice that before the third. */
  readonly pauseMillis: number;
}

export interface Dispatch {
  push(alert: Alert): void;
  /** Resolves when nothing waits any more; pauses between attempts are left out meanwhile. Never rejects. */
  flush(): Promise<void>;
  /** Cuts what is under way; all that waits is counted as lost. */
  abandon(): void;
}

const dispatchTimes: DispatchTimes = { attemptMillis: 10_000, pauseMillis: 5_000 };
const mostAttempts = 3;
/** More than grouping sends in one window. */
const mostWaiting = 200;
const quietMillis = 60_000;
const unobserved = suppressed(rootContext);

export function dispatch(channel: Channel, given: Partial<DispatchTimes> = {}): Dispatch {
  const times = { ...dispatchTimes, ...given };
  const queue: Alert[] = [];
  let cutting = new AbortController();
  let haste = new AbortController();
  let flushes = 0;
  let isBusy = false;
  let working: Promise<void> | undefined;
  const trouble = channelTrouble(channel);

  /** A channel that alerts while it is being served finds it busy. */
  function next(): void {
    while (!isBusy && queue.length > 0) {
      isBusy = true;
      const done = deliver(queue[0]!, cutting.signal);
      if (done !== undefined) {
        working = done.then(another);
        return;
      }
      queue.shift();
      isBusy = false;
    }
  }

  function another(): void {
    queue.shift();
    isBusy = false;
    working = undefined;
    next();
  }

  /** Nothing where the channel needed no time. */
  function deliver(alert: Alert, cut: AbortSignal): Promise<void> | undefined {
    const first = attemptOf(channel, alert, times.attemptMillis, cut);
    if (first instanceof Promise) return persist(alert, cut, first);
    settle(first);
    return undefined;
  }

  async function persist(alert: Alert, cut: AbortSignal, first: Promise<Error | undefined>): Promise<void> {
    let error = await first;
    for (let attempt = 1; !cut.aborted && isWorthAnother(error, attempt); attempt++) {
      trouble.heard(error!);
      if (flushes === 0) await pause(times.pauseMillis * attempt, haste.signal);
      error = await attemptOf(channel, alert, times.attemptMillis, cut);
    }
    if (!cut.aborted) settle(error);
  }

  function settle(error: Error | undefined): void {
    if (error === undefined) {
      trouble.over();
    } else {
      trouble.heard(error);
      diagnostics.count('dropped.alerts.failed');
    }
  }

  async function drained(): Promise<void> {
    while (working !== undefined) await working;
  }

  return {
    push(alert) {
      if (queue.length >= mostWaiting) {
        diagnostics.count('dropped.alerts.queue_full');
        return;
      }
      diagnostics.count('emitted.alerts');
      queue.push(alert);
      runIn(unobserved, next);
    },
    async flush() {
      flushes++;
      haste.abort();
      await drained();
      if (--flushes === 0) haste = new AbortController();
    },
    abandon() {
      if (queue.length === 0) return;
      diagnostics.count('dropped.alerts.unanswered', queue.length);
      diagnostics.warn(
        'SONDE_ERR_ALERT',
        `${queue.length} alerts as ${channel.name} were not out at the end.`,
      );
      // The first one is under way, and leaves by itself.
      queue.length = 1;
      cutting.abort();
      cutting = new AbortController();
    },
  };
}

function isWorthAnother(error: Error | undefined, attempts: number): boolean {
  if (error === undefined || attempts >= mostAttempts) return false;
  return !(error instanceof RefusedError || error instanceof SondeError);
}

/** What went wrong, if anything; never rejects, and never lasts longer than `millis`. */
function attemptOf(
  channel: Channel,
  alert: Alert,
  millis: number,
  ending: AbortSignal,
): Promise<Error | undefined> | Error | undefined {
  const attempt = new AbortController();
  try {
    const sent = channel.send(alert, attempt.signal);
    return sent && limited(sent, attempt, millis, ending);
  } catch (error) {
    return errorOf(error);
  }
}

function limited(
  sent: Promise<void>,
  attempt: AbortController,
  millis: number,
  ending: AbortSignal,
): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const late = () => stop(new Error(`no answer within ${millis} ms`));
    const cut = () => stop(new Error('cut off'));
    const timer = setTimeout(late, millis).unref();
    ending.addEventListener('abort', cut);
    function done(error?: Error): void {
      clearTimeout(timer);
      ending.removeEventListener('abort', cut);
      resolve(error);
    }
    function stop(error: Error): void {
      done(error);
      attempt.abort(error);
    }
    sent.then(
      () => done(),
      (error) => done(errorOf(error)),
    );
  });
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Says that a channel fails, once a minute at most, and when it is well again. */
function channelTrouble({ name }: Channel): { heard(error: Error): void; over(): void } {
  let quietUntil = 0;
  let isBroken = false;
  return {
    heard(error) {
      diagnostics.count('alerts.failed_attempts');
      isBroken = true;
      const now = performance.now();
      if (now < quietUntil) return;
      quietUntil = now + quietMillis;
      const code = error instanceof SondeError ? error.code : 'SONDE_ERR_ALERT';
      diagnostics.warn(code, `Alerts cannot be sent as ${name}: ${reasonOf(error)}.`);
    },
    over() {
      diagnostics.count('delivered.alerts');
      if (isBroken) diagnostics.info(`Alerts are sent as ${name} again.`);
      isBroken = false;
    },
  };
}

/** A receiver's words, or Node's, on one line. */
function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  const text = error instanceof SondeError ? error.message.split('. ')[0]! : error.message;
  const reason = typeof code === 'string' && !text.includes(code) ? `${code} ${text}` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = redactText(reason.slice(0, 300)).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return line.trim().replace(/\.$/, '').toWellFormed();
}
