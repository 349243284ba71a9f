/** The way of one signal: items are packed, parcels wait in the outbox, and a courier brings them away. */
import type { BatchConfig, Signal } from '../../src/config/config.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import type { Books } from '../../src/delivery/books.ts';
import { Courier } from '../../src/delivery/courier.ts';
import type { Entry, Outbox } from '../../src/delivery/outbox.ts';
import type { Lane } from '../../src/delivery/parcel.ts';
import type { Attempt, RetryingExporter } from '../../src/delivery/retry.ts';
import { always, timed } from '../../src/overhead.ts';
import { Hopper } from '../../src/processing/hopper.ts';
import type { Encoded } from './encoding.ts';

export interface PathParts<Item> {
  readonly signal: Signal;
  readonly batch: BatchConfig;
  readonly outbox: Outbox;
  readonly books: Books;
  readonly exporter: RetryingExporter<Entry>;
  readonly json: boolean;
  pack(items: readonly Item[]): Encoded;
  /** How many of what is counted are in an item: points in a collection. One where absent. */
  countOf?(item: Item): number;
  /** Its bytes; absent where an item is a request of its own. */
  weightOf?(item: Item): number;
  /** Its place in the order of sending; the signal's own where absent. */
  laneOf?(item: Item): Lane;
  /** Whether an item must be safe before the call that made it returns: from the death of the process. */
  isUrgent?(item: Item): boolean;
  /** The same, from the death of the machine. */
  isLastWord?(item: Item): boolean;
  /** Told how many bytes some items have become. */
  onPacked?(items: readonly Item[], bytes: number): void;
  /** Called before anything is put into the outbox. */
  prepare(): void;
  /** Milliseconds that items wait at most until they are packed: where there is a disk they are safe from then on. */
  readonly packMillis: number;
  isHopeless(): boolean;
}

export class Path<Item> {
  readonly #parts: PathParts<Item>;
  readonly #hopper: Hopper<Item>;
  readonly #courier: Courier;
  #timer: NodeJS.Timeout | undefined;
  /** Told of each export when it has come to its end, with its milliseconds. */
  onExport: ((millis: number, result: Attempt) => void) | undefined;

  constructor(parts: PathParts<Item>) {
    const { signal, batch, outbox, books, exporter, isHopeless } = parts;
    this.#parts = parts;
    this.#hopper = new Hopper<Item>({
      signal,
      batch: { ...batch, scheduleDelayMillis: Math.min(batch.scheduleDelayMillis, parts.packMillis) },
      countOf: parts.countOf,
      weightOf: parts.weightOf,
      pack: timed(always, (items: readonly Item[]) => this.#pack(items)),
      refuse: (count) => books.lose(signal, count, 'shutdown', 'born after shutdown'),
    });
    const mostItems = batch.maxExportBatchSize;
    const onExport = (millis: number, result: Attempt): void => this.onExport?.(millis, result);
    this.#courier = new Courier({ signal, outbox, exporter, books, mostItems, isHopeless, onExport });
  }

  get signal(): Signal {
    return this.#parts.signal;
  }

  /** What waits or is under way. */
  get size(): number {
    return this.#hopper.size + this.#parts.outbox.waiting(this.#parts.signal);
  }

  /** What the exporter has now. */
  get underWay(): number {
    return this.#parts.outbox.underWay(this.signal);
  }

  /** What the exporter was given so far. */
  get handed(): number {
    return this.#courier.handed;
  }

  add(item: Item): void {
    if (this.#parts.isUrgent?.(item)) this.#hopper.addUrgent(item);
    else this.#hopper.add(item);
  }

  /** Everything taken so far has met its fate, or `timeoutMillis` are over. */
  forceFlush(timeoutMillis: number = this.#parts.batch.exportTimeoutMillis): Promise<void> {
    this.#hopper.pack();
    return this.#courier.flush(timeoutMillis);
  }

  /** Something that was not put in here is in the outbox. */
  wake(): void {
    this.#courier.wake();
  }

  /** One last attempt for what there is; what is left is in the outbox. */
  shutdown(deadlineMillis: number): Promise<void> {
    this.#hopper.close();
    return this.#courier.shutdown(deadlineMillis);
  }

  /** Everything is in the outbox, and stays there. */
  stop(): void {
    this.#hopper.close();
    this.#courier.stop();
  }

  #pack(items: readonly Item[]): void {
    this.#parts.prepare();
    const { signal, laneOf } = this.#parts;
    if (laneOf === undefined) this.#put(signal, items);
    else for (const [lane, own] of Map.groupBy(items, laneOf)) this.#put(lane, own);
    this.#wakeInTime();
  }

  #put(lane: Lane, items: readonly Item[]): void {
    const { signal, outbox, books, json, pack, isLastWord, onPacked } = this.#parts;
    const { body, unfit } = pack(items);
    onPacked?.(items, body.length);
    books.lose(signal, this.#sum(items) * (unfit / items.length), 'unfit', 'not encodable');
    if (unfit === items.length) return;
    const count = this.#sum(items) - unfit;
    const through = isLastWord !== undefined && items.some(isLastWord);
    outbox.put({ lane, count, json, born: Date.now(), body }, through);
  }

  #sum(items: readonly Item[]): number {
    const { countOf } = this.#parts;
    return countOf ? items.reduce((sum, item) => sum + countOf(item), 0) : items.length;
  }

  /** What is safe on disk may wait for company as long as it would have waited in memory. */
  #wakeInTime(): void {
    const { batch, outbox, signal, packMillis } = this.#parts;
    const rest = batch.scheduleDelayMillis - packMillis;
    if (rest <= 0 || outbox.waiting(signal) >= batch.maxExportBatchSize) this.#wakeNow();
    else this.#timer ??= runIn(rootContext, () => setTimeout(() => this.#wakeNow(), rest).unref());
  }

  #wakeNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#courier.wake();
  }
}
