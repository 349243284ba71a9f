/** Where items wait for company before they are packed: until a batch is full, or for `scheduleDelayMillis`. */
import type { BatchConfig, Signal } from '../config/config.ts';
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import { diagnostics } from '../diagnostics.ts';

export interface HopperParts<Item> {
  readonly signal: Signal;
  readonly batch: BatchConfig;
  /** Encodes at most `maxExportBatchSize` items and sees to the rest. Never throws. */
  pack(items: readonly Item[]): void;
  /** How many of what is counted are in an item; one where absent. */
  countOf?(item: Item): number;
  /** Born after the end. */
  refuse(count: number): void;
}

const unobserved = suppressed(rootContext);

export class Hopper<Item> {
  readonly #parts: HopperParts<Item>;
  /** Names of counters are made once: a fresh text is hashed at each look into the map. */
  readonly #emitted: string;
  #items: Item[] = [];
  #timer: NodeJS.Timeout | undefined;
  #eager = false;
  #closed = false;

  constructor(parts: HopperParts<Item>) {
    this.#parts = parts;
    this.#emitted = `emitted.${parts.signal}`;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Takes an item, without work: only a burst that fills the hopper within one turn is packed in its midst. */
  add(item: Item): void {
    const weight = this.#parts.countOf?.(item) ?? 1;
    diagnostics.count(this.#emitted, weight);
    if (this.#closed) this.#parts.refuse(weight);
    else this.#keep(item);
  }

  /** Everything, now. */
  pack(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#eager = false;
    while (this.#items.length > 0) this.#packSlice();
  }

  /** Nothing is taken from now on. */
  close(): void {
    this.pack();
    this.#closed = true;
  }

  #keep(item: Item): void {
    const { maxExportBatchSize, maxQueueSize, scheduleDelayMillis } = this.#parts.batch;
    const count = this.#items.push(item);
    if (count >= maxQueueSize) this.#packSlice();
    if (this.#items.length >= maxExportBatchSize) this.#packSoon();
    else if (this.#items.length > 0) this.#timer ??= this.#later(scheduleDelayMillis);
  }

  #packSlice(): void {
    const most = this.#parts.batch.maxExportBatchSize;
    const slice = this.#items.length <= most ? this.#items : this.#items.slice(0, most);
    this.#items = this.#items.length <= most ? [] : this.#items.slice(most);
    runIn(unobserved, () => this.#parts.pack(slice));
  }

  /** One batch a turn: what else waits for its turn is the app's. */
  #packInTurn(): void {
    this.#timer = undefined;
    this.#eager = false;
    this.#packSlice();
    const { maxExportBatchSize, scheduleDelayMillis } = this.#parts.batch;
    if (this.#items.length >= maxExportBatchSize) this.#packSoon();
    else if (this.#items.length > 0) this.#timer = this.#later(scheduleDelayMillis);
  }

  /** Soon, but never in the middle of the caller's work: encoding a batch takes milliseconds. */
  #packSoon(): void {
    if (this.#eager) return;
    this.#eager = true;
    clearTimeout(this.#timer);
    this.#timer = this.#later(0);
  }

  #later(millis: number): NodeJS.Timeout {
    return runIn(unobserved, () => setTimeout(() => this.#packInTurn(), millis).unref());
  }
}
