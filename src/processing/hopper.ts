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
  /** Its bytes; where absent only the number of items says when there are enough. */
  weightOf?(item: Item): number;
  /** Born after the end. */
  refuse(count: number): void;
}

/** What is packed in one turn: to copy, to check and to write more than this takes milliseconds (`bench/longest-turn.ts`). */
const sliceBytes = 262_144;
/** A burst of large items within one turn must not fill the memory. */
const mostBytes = 16 * sliceBytes;
const unobserved = suppressed(rootContext);

export class Hopper<Item> {
  readonly #parts: HopperParts<Item>;
  /** Names of counters are made once: a fresh text is hashed at each look into the map. */
  readonly #emitted: string;
  #items: Item[] = [];
  #bytes = 0;
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
    if (this.#isWelcome(item)) this.#keep(item);
  }

  /** Takes an item that cannot wait. */
  addUrgent(item: Item): void {
    if (this.#isWelcome(item)) runIn(unobserved, () => this.#parts.pack([item]));
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

  #isWelcome(item: Item): boolean {
    const count = this.#parts.countOf?.(item) ?? 1;
    diagnostics.count(this.#emitted, count);
    if (this.#closed) this.#parts.refuse(count);
    return !this.#closed;
  }

  #keep(item: Item): void {
    const { maxQueueSize, scheduleDelayMillis } = this.#parts.batch;
    const count = this.#items.push(item);
    this.#bytes += this.#weigh(item);
    if (count >= maxQueueSize || this.#bytes >= mostBytes) this.#packSlice();
    if (this.#isSlice()) this.#packSoon();
    else if (this.#items.length > 0) this.#timer ??= this.#later(scheduleDelayMillis);
  }

  #isSlice(): boolean {
    return this.#items.length >= this.#parts.batch.maxExportBatchSize || this.#bytes >= sliceBytes;
  }

  #weigh(item: Item): number {
    return this.#parts.weightOf?.(item) ?? 0;
  }

  #packSlice(): void {
    const slice = this.#items.slice(0, this.#sliceEnd());
    this.#items = this.#items.slice(slice.length);
    this.#bytes -= slice.reduce((sum, item) => sum + this.#weigh(item), 0);
    runIn(unobserved, () => this.#parts.pack(slice));
  }

  #sliceEnd(): number {
    const most = Math.min(this.#items.length, this.#parts.batch.maxExportBatchSize);
    if (this.#bytes <= sliceBytes) return most;
    let bytes = this.#weigh(this.#items[0] as Item);
    let end = 1;
    while (end < most) {
      bytes += this.#weigh(this.#items[end] as Item);
      if (bytes > sliceBytes) break;
      end++;
    }
    return end;
  }

  /** One slice a turn: what else waits for its turn is the app's. */
  #packInTurn(): void {
    this.#timer = undefined;
    this.#eager = false;
    this.#packSlice();
    if (this.#isSlice()) this.#packSoon();
    else if (this.#items.length > 0) this.#timer = this.#later(this.#parts.batch.scheduleDelayMillis);
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
