/** Paced retries around an exporter: as long as it makes sense, never a moment longer, never holding the process. */
import type { Exporter, ExportResult } from '../exporter.ts';
import type { Standby } from './standby.ts';
import { pause } from './wait.ts';
import { Window } from './window.ts';

/** One attempt's result, with what the next one needs to know. */
export interface Attempt extends ExportResult {
  /** When the destination wants the next attempt, in milliseconds from now. */
  readonly retryAfterMillis?: number;
  /** Nobody named this destination: where nobody listens, that is no trouble. */
  readonly unnamed?: boolean;
  /** The destination's words beside an acceptance. */
  readonly note?: string;
  /** Somebody has been told the reason already. */
  readonly told?: boolean;
  /** Given up while standing by: not a loss. */
  readonly forgotten?: boolean;
  /** Held while standing by, and taken in the end. */
  readonly released?: boolean;
}

/** Times in milliseconds. */
export interface RetryPolicy {
  readonly initialMillis: number;
  readonly factor: number;
  readonly maxMillis: number;
  /** After this the batch is given up. Time spent standing by does not count. */
  readonly giveUpMillis: number;
  /** Requests that may be under way together where somebody gives several; one where absent. */
  readonly mostAtOnce?: number;
  /** Shared by the signals that go to one place; absent: never stands by. */
  readonly standby?: Standby;
  /** Hears of every attempt; answers whether it told somebody. */
  readonly onAttempt?: (attempt: Attempt) => boolean;
}

/** The OTLP specification asks for back-off with jitter; the figures are the Collector's. */
export const retryDefaults: RetryPolicy = {
  initialMillis: 1000,
  factor: 1.5,
  maxMillis: 30_000,
  giveUpMillis: 300_000,
};

export interface RetryingExporter<Item> extends Exporter<Item> {
  /** Whether it waits for somebody to listen at a place that nobody named. */
  readonly standingBy: boolean;
  /** Whether nobody has answered yet at a place that nobody named: what falls off meanwhile is no loss. */
  readonly unproven: boolean;
  /** How many batches are worth giving at a time. Each failure narrows it; widening it is up to who has a backlog. */
  readonly window: Pick<Window, 'size' | 'widen' | 'narrow'>;
  /** A batch that waits for its next attempt is tried now. Standing by, and a pause that was asked for, stay. */
  nudge(): void;
  /** Whatever waits tries once more at once, and from now on every batch has one attempt. */
  hurry(): void;
  export(items: readonly Item[]): Promise<Attempt>;
}

/** Tries `failed` batches again: after `retryAfterMillis` where given, else after a growing, jittered delay. */
export function retrying<Item>(
  exporter: Exporter<Item>,
  policy: RetryPolicy = retryDefaults,
): RetryingExporter<Item> {
  const { standby } = policy;
  const window = new Window(policy.mostAtOnce ?? 1);
  let ending: AbortController | undefined;
  let nudged: AbortController | undefined;

  /** Made with the first batch: a start waits for nothing. */
  function haste(): AbortController {
    ending ??= new AbortController();
    return ending;
  }

  let proven = standby === undefined;

  async function attempt(items: readonly Item[]): Promise<Attempt> {
    const result: Attempt = await exporter.export(items).catch(defect);
    if (!isUnmanned(result)) proven = true;
    return { ...result, told: policy.onAttempt?.(result) ?? false };
  }

  async function standBy(items: readonly Item[]): Promise<Attempt> {
    await window.alone();
    for (;;) {
      const last = haste().signal.aborted;
      if (!last) await standby?.wait(haste().signal);
      const result = await attempt(items);
      if (!isUnmanned(result)) {
        standby?.leave();
        return { ...result, released: result.outcome === 'ok' };
      }
      if (last || haste().signal.aborted) return { ...result, forgotten: true };
    }
  }

  async function deliver(items: readonly Item[]): Promise<Attempt> {
    await window.enter();
    try {
      return await persist(items);
    } finally {
      window.leave();
    }
  }

  async function persist(items: readonly Item[]): Promise<Attempt> {
    let delay = policy.initialMillis;
    const end = performance.now() + policy.giveUpMillis;
    for (;;) {
      const hurried = haste().signal.aborted;
      let result = await attempt(items);
      if (standby && isUnmanned(result)) result = await standBy(items);
      const left = end - performance.now();
      if (result.outcome !== 'failed' || hurried || result.forgotten || left <= 0) return result;
      const due = performance.now() + Math.min(left, nextDelay(result.retryAfterMillis, delay));
      // Only one batch at a time is between two attempts: the others wait for what becomes of it.
      await window.alone();
      nudged = new AbortController();
      // Who asks for a pause is not asked again before it is over, unless the process ends.
      const isAsked = result.retryAfterMillis !== undefined;
      const early = isAsked ? haste().signal : AbortSignal.any([haste().signal, nudged.signal]);
      await pause(Math.max(0, due - performance.now()), early);
      delay = Math.min(delay * policy.factor, policy.maxMillis);
    }
  }

  return {
    name: exporter.name,
    window,
    get unproven() {
      return !proven;
    },
    get standingBy() {
      return standby?.active ?? false;
    },
    nudge: () => nudged?.abort(),
    hurry: () => haste().abort(),
    export: deliver,
    forceFlush: () => exporter.forceFlush(),
    async shutdown() {
      haste().abort();
      await exporter.shutdown();
    },
  };
}

/** An exporter must not reject; one that does has failed like one that says so. */
function defect(error: unknown): Attempt {
  return { outcome: 'failed', code: 'defect', reason: String(error) };
}

function isUnmanned({ outcome, unnamed, code }: Attempt): boolean {
  return outcome === 'failed' && unnamed === true && code === 'ECONNREFUSED';
}

/** What the destination asks for is never undercut; otherwise half of the delay is left to chance. Milliseconds. */
export function nextDelay(asked: number | undefined, delay: number): number {
  return asked === undefined ? delay * (0.5 + Math.random() / 2) : asked * (1 + Math.random() * 0.05);
}
