/** Takes the parcels of one signal from the outbox and brings them away: one request at a time, a backlog by several. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Signal } from '../config/config.ts';
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import type { Books } from './books.ts';
import { countOf, type Entry, type Outbox, type TakeLimits } from './outbox.ts';
import type { Attempt, RetryingExporter } from './retry.ts';
import { settled } from './wait.ts';

export interface CourierParts {
  readonly signal: Signal;
  readonly outbox: Outbox;
  readonly exporter: RetryingExporter<Entry>;
  readonly books: Books;
  /** Items in one request. */
  readonly mostItems: number;
  /** Called when an export has come to its end, with its milliseconds, retries and pauses included. */
  onExport?(millis: number, result: Attempt): void;
  /** Nobody needs to wait for what is on disk while the receiver is away. */
  isHopeless(): boolean;
}

/**
 * A receiver takes 4 MB at most, by gRPC, where nobody has told it otherwise; to put more than this together, or to read
 * it from the disk, takes more than 2 ms.
 */
export const mostBytes: number = 1_048_576;
/** A receiver that has just come back gets its breath between the requests of a backlog. Milliseconds. */
const breathMillis = 5;
/** Who takes longer than this to accept a request has enough to do. Milliseconds. */
const slowMillis = 1000;

const unobserved = suppressed(rootContext);

export class Courier {
  readonly #parts: CourierParts;
  readonly #waiters = new Set<{ entries: Entry[]; done(): void }>();
  /** Each brings one request after the other. */
  #hands = 0;
  #running: Promise<void> = Promise.resolve();
  #closed = false;
  /** No answer is listened to any more. */
  #over = false;
  #handed = 0;

  constructor(parts: CourierParts) {
    this.#parts = parts;
  }

  /** Items of this process's own that were given to the exporter so far. */
  get handed(): number {
    return this.#handed;
  }

  /** There is something to bring away. */
  wake(): void {
    const { window } = this.#parts.exporter;
    while (!this.#over && (this.#hands === 0 || (this.#hands < window.size && this.#hasBacklog()))) {
      const others = this.#hands++;
      const hand = runIn(unobserved, () => this.#bringAll());
      const before = this.#running;
      // Its value is nothing: a list of values would hold that of every hand before.
      this.#running = hand.then(() => before);
      // It is gone again: there was nothing.
      if (this.#hands === others) return;
    }
  }

  /**
   * Resolves when everything that is in the outbox now has met its fate, at most after `timeoutMillis`; at once while
   * there is nobody to wait for. A retry that waits for its moment is made now.
   */
  flush(timeoutMillis: number): Promise<void> {
    const { exporter } = this.#parts;
    const all = this.#settledAll();
    this.wake();
    exporter.nudge();
    return settled(all, timeoutMillis, () => exporter.standingBy || this.#parts.isHopeless());
  }

  /** One last attempt for each request, within `deadlineMillis` in all. What is left then stays in the outbox. */
  async shutdown(deadlineMillis: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { exporter } = this.#parts;
    exporter.hurry();
    this.wake();
    await settled(this.#idle(), deadlineMillis);
    this.stop();
    await exporter.shutdown().catch(() => undefined);
    await settled(this.#idle(), 100);
  }

  /** From now on nothing is taken, and no answer is waited for. */
  stop(): void {
    this.#over = true;
  }

  async #idle(): Promise<void> {
    while (this.#hands > 0) await this.#running;
  }

  async #bringAll(): Promise<void> {
    const { signal, outbox, exporter } = this.#parts;
    try {
      // To find nothing and to be gone is one step: what is put in between would wake nobody.
      for (;;) {
        const run = outbox.take(signal, this.#limits());
        if (run.length === 0) return;
        const mayGoOn = await this.#bring(run);
        if (!mayGoOn || this.#hands > exporter.window.size) return;
      }
    } finally {
      this.#hands--;
    }
  }

  /** Answers whether there may be more to bring. */
  async #bring(run: Entry[]): Promise<boolean> {
    const { signal, outbox, exporter } = this.#parts;
    this.#handed += countOf(run.filter(({ adopted }) => !adopted));
    const began = performance.now();
    const result = await exporter.export(run);
    const millis = performance.now() - began;
    this.#parts.onExport?.(millis, result);
    if (this.#over) return false;
    const isLeft = this.#closed && result.outcome === 'failed' && run.every(({ place }) => place);
    if (isLeft) {
      outbox.putBack(run);
      return false;
    }
    this.#enter(run, result);
    this.#learn(result, millis);
    if (run.some(({ adopted }) => adopted) && !this.#closed)
      await sleep(breathMillis, undefined, { ref: false });
    // What another process left can be left once more.
    return !this.#over && (!this.#closed || outbox.pending(signal).length > 0);
  }

  /** All that is under way at a time is about as large as one request may be. */
  #limits(): TakeLimits {
    const { mostItems, exporter } = this.#parts;
    return { items: mostItems, bytes: mostBytes / exporter.window.size };
  }

  #learn({ outcome }: Attempt, millis: number): void {
    const { window } = this.#parts.exporter;
    if (!this.#hasBacklog()) window.narrow();
    else if (outcome === 'ok' && millis < slowMillis) window.widen();
    this.wake();
  }

  /** Whether a whole request waits. */
  #hasBacklog(): boolean {
    const { signal, outbox, mostItems } = this.#parts;
    return outbox.holds(signal, mostItems);
  }

  #enter(run: readonly Entry[], result: Attempt): void {
    const { signal, outbox, books } = this.#parts;
    books.enter(signal, countOf(run), result);
    outbox.settle(run);
    for (const waiter of this.#waiters) {
      waiter.entries = waiter.entries.filter(({ done }) => !done);
      if (waiter.entries.length > 0) continue;
      this.#waiters.delete(waiter);
      waiter.done();
    }
  }

  #settledAll(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const entries = this.#parts.outbox.pending(this.#parts.signal);
    if (entries.length === 0) resolve();
    else this.#waiters.add({ entries, done: resolve });
    return promise;
  }
}
