/** Messages for people on their way to one receiver: one at a time, tried three times, never more than 200 waiting. */
import { rootContext, runIn } from '../src/context/context.ts';
import { suppressed } from '../src/context/suppression.ts';
import { pause } from '../src/delivery/wait.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { SondeError } from '../src/errors.ts';
import { redactText } from '../src/processing/redact.ts';

/** Times in milliseconds. */
export interface DispatchTimes {
  /** For one attempt; 10,000 by default. */
  readonly attemptMillis: number;
  /** Before the second attempt, and twice that before the third. */
  readonly pauseMillis: number;
}

/** SOCKET: one way out. */
export interface Channel<Message> {
  /** For Sonde's own words, without secrets: `mail by smtp.example.com:587`. */
  readonly name: string;
  /**
   * One attempt. Resolves when the receiver has taken it; rejects when it has not, with a `RefusedError` where another
   * attempt would fare no better. Gives everything back when `signal` aborts, and holds the process by nothing that
   * outlives that. A channel that needs no time returns nothing, or throws: it is served at `exit`, too.
   */
  send(message: Message, signal: AbortSignal): Promise<void> | undefined;
}

/** The receiver has understood, and will never take it. */
export class RefusedError extends Error {}

export interface Dispatch<Message> {
  push(message: Message): void;
  /** Resolves when nothing waits any more; pauses between attempts are left out meanwhile. Never rejects. */
  flush(): Promise<void>;
  /** Cuts what is under way; all that waits is counted as lost. */
  abandon(): void;
  /** Takes everything that waits, what is under way included: somebody else sends it. */
  recall(): Message[];
}

const dispatchTimes: DispatchTimes = { attemptMillis: 10_000, pauseMillis: 5_000 };
const mostAttempts = 3;
/** More than grouping sends in one window. */
const mostWaiting = 200;
const quietMillis = 60_000;
const unobserved = suppressed(rootContext);

/** @param noun what is sent, for counters and Sonde's own words */
export function dispatch<Message>(
  channel: Channel<Message>,
  given: Partial<DispatchTimes> = {},
  noun = 'alerts',
): Dispatch<Message> {
  const times = { ...dispatchTimes, ...given };
  const queue: Message[] = [];
  const counter = counterOf(noun);
  let cutting = new AbortController();
  let haste = new AbortController();
  let flushes = 0;
  let isBusy = false;
  let working: Promise<void> | undefined;
  const trouble = channelTrouble(channel, noun);

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
  function deliver(message: Message, cut: AbortSignal): Promise<void> | undefined {
    const first = attemptOf(channel, message, times.attemptMillis, cut);
    if (first instanceof Promise) return persist(message, cut, first);
    settle(first);
    return undefined;
  }

  async function persist(
    message: Message,
    cut: AbortSignal,
    first: Promise<Error | undefined>,
  ): Promise<void> {
    let error = await first;
    for (let attempt = 1; !cut.aborted && isWorthAnother(error, attempt); attempt++) {
      trouble.heard(error!);
      if (flushes === 0) await pause(times.pauseMillis * attempt, haste.signal);
      error = await attemptOf(channel, message, times.attemptMillis, cut);
    }
    if (!cut.aborted) settle(error);
  }

  function settle(error: Error | undefined): void {
    if (error === undefined) {
      trouble.over();
    } else {
      trouble.heard(error);
      diagnostics.count(`dropped.${counter}.failed`);
    }
  }

  async function drained(): Promise<void> {
    while (working !== undefined) await working;
  }

  return {
    push(message) {
      if (queue.length >= mostWaiting) {
        diagnostics.count(`dropped.${counter}.queue_full`);
        return;
      }
      diagnostics.count(`emitted.${counter}`);
      queue.push(message);
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
      diagnostics.count(`dropped.${counter}.unanswered`, queue.length);
      diagnostics.warn(
        'SONDE_ERR_ALERT',
        `${queue.length} ${noun} as ${channel.name} were not out at the end.`,
      );
      // The first one is under way, and leaves by itself.
      queue.length = 1;
      cutting.abort();
      cutting = new AbortController();
    },
    recall() {
      const waiting = [...queue];
      queue.length = Math.min(queue.length, 1);
      cutting.abort();
      cutting = new AbortController();
      return waiting;
    },
  };
}

function isWorthAnother(error: Error | undefined, attempts: number): boolean {
  if (error === undefined || attempts >= mostAttempts) return false;
  return !(error instanceof RefusedError || error instanceof SondeError);
}

/** What went wrong, if anything; never rejects, and never lasts longer than `millis`. */
function attemptOf<Message>(
  channel: Channel<Message>,
  message: Message,
  millis: number,
  ending: AbortSignal,
): Promise<Error | undefined> | Error | undefined {
  const attempt = new AbortController();
  try {
    const sent = channel.send(message, attempt.signal);
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

/** `error events` are counted as `error_events`. */
function counterOf(noun: string): string {
  return noun.replaceAll(' ', '_');
}

/** Says that a channel fails, once a minute at most, and when it is well again. */
function channelTrouble(
  { name }: { readonly name: string },
  noun: string,
): { heard(error: Error): void; over(): void } {
  const things = `${noun[0]!.toUpperCase()}${noun.slice(1)}`;
  let quietUntil = 0;
  let isBroken = false;
  return {
    heard(error) {
      diagnostics.count(`${counterOf(noun)}.failed_attempts`);
      isBroken = true;
      const now = performance.now();
      if (now < quietUntil) return;
      quietUntil = now + quietMillis;
      const code = error instanceof SondeError ? error.code : 'SONDE_ERR_ALERT';
      diagnostics.warn(code, `${things} cannot be sent as ${name}: ${reasonOf(error)}.`);
    },
    over() {
      diagnostics.count(`delivered.${counterOf(noun)}`);
      if (isBroken) diagnostics.info(`${things} are sent as ${name} again.`);
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
