/**
 * What waits to be sent, of all signals under one budget: in memory, and behind that on disk where there is a spool.
 * Errors go before the rest; what has to give way is the oldest of the least urgent.
 */
import type { Signal } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';
import type { Books } from './books.ts';
import { type Lane, lanes, type Parcel, signalOf } from './parcel.ts';
import type { Left, Place, Segment } from './segment.ts';
import type { Spool } from './spool.ts';

/** One parcel that waits, wherever its body is. */
export interface Entry extends Omit<Parcel, 'body'> {
  readonly bytes: number;
  /** Left by another process: nobody here waits for it. */
  readonly adopted: boolean;
  body?: Uint8Array;
  place?: Place;
  /** Delivered, given up, or left on disk. */
  done: boolean;
}

export interface OutboxOptions {
  readonly books: Books;
  /** Bodies held in memory, all signals together. */
  readonly maxBytes: number;
  /** Items of a signal that may wait in memory, where somebody has set a limit. */
  readonly mostItems?: Partial<Record<Signal, number>>;
  /** Whether what gives way now is no loss, for nobody has been there to take it. */
  isUnmanned(signal: Signal): boolean;
}

export interface TakeLimits {
  readonly items: number;
  readonly bytes: number;
}

/** What is on disk as well stays in memory only as far as this part of the budget goes. */
const cachedShare = 1 / 8;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #lanes: Record<Lane, Entry[]> = { errors: [], logs: [], metrics: [], traces: [] };
  readonly #underWay = new Set<Entry>();
  /** Bytes of bodies in memory. */
  #held = 0;
  #spool: Spool | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#held;
  }

  /** Items of a signal that wait or are under way. */
  waiting(signal: Signal): number {
    return countOf(this.#of(signal)) + this.underWay(signal);
  }

  /** Whether at least so many items of a signal wait, those under way not among them. */
  holds(signal: Signal, items: number): boolean {
    let found = 0;
    for (const lane of lanes) {
      if (signalOf(lane) !== signal) continue;
      for (const { count } of this.#lanes[lane]) {
        found += count;
        if (found >= items) return true;
      }
    }
    return false;
  }

  /** Items of a signal that are being sent, or wait for the next attempt. */
  underWay(signal: Signal): number {
    return countOf([...this.#underWay].filter(({ lane }) => signalOf(lane) === signal));
  }

  /** From now on what comes in goes to disk too. `undefined` ends that: what is on disk alone is out of reach. */
  useSpool(spool: Spool | undefined): void {
    this.#spool = spool;
    if (spool !== undefined) return;
    for (const lane of lanes) {
      for (const entry of this.#lanes[lane]) entry.place = undefined;
      const [kept, gone] = parted(this.#lanes[lane], ({ body }) => body !== undefined);
      this.#lanes[lane] = kept;
      this.#giveUp(gone, 'spool_gone', 'the spool is gone');
    }
  }

  /** Takes a parcel; with `through` it is on the platter afterwards. */
  put(parcel: Parcel, through = false): Entry {
    const { body, ...label } = parcel;
    const entry: Entry = { ...label, bytes: body.length, adopted: false, done: false };
    this.#lanes[parcel.lane].push(entry);
    entry.place = this.#write(parcel, through);
    const isCached = entry.place !== undefined && this.#held + body.length > this.#cacheBytes;
    if (!isCached) this.#hold(entry, body);
    this.#fitMemory(signalOf(parcel.lane));
    return entry;
  }

  /** What an earlier process left goes first, in its order. */
  adopt(left: readonly Left[]): void {
    for (const { lane, count, json, born, length, place } of left) {
      diagnostics.count(`adopted.${signalOf(lane)}`, count);
      const behind = this.#lanes[lane].findLastIndex(({ adopted }) => adopted) + 1;
      const entry = { lane, count, json, born, bytes: length, adopted: true, place, done: false };
      this.#lanes[lane].splice(behind, 0, entry);
    }
  }

  /**
   * The next parcels of a signal that go into one request, with their bodies; none when nothing waits. Bodies in
   * protobuf may follow each other and be one message. Whoever takes them settles them or puts them back.
   */
  take(signal: Signal, limits: TakeLimits): Entry[] {
    const taken: Entry[] = [];
    let items = 0;
    let bytes = 0;
    for (let entry = this.#first(signal); entry !== undefined; entry = this.#first(signal)) {
      items += entry.count;
      bytes += entry.bytes;
      const isFull = items > limits.items || bytes > limits.bytes || entry.json || taken[0]?.json;
      if (taken.length > 0 && isFull) break;
      this.#lanes[entry.lane].shift();
      if (this.#isReady(entry)) taken.push(entry);
    }
    for (const entry of taken) this.#underWay.add(entry);
    return taken;
  }

  /** They are delivered, or counted as what they are. */
  settle(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#underWay.delete(entry);
      this.#release(entry);
    }
    const places = entries.flatMap(({ place }) => place ?? []);
    if (places.length > 0) this.#spool?.settle(places);
  }

  /** They wait again, before everything else. */
  putBack(entries: readonly Entry[]): void {
    for (const entry of [...entries].reverse()) {
      this.#underWay.delete(entry);
      this.#lanes[entry.lane].unshift(entry);
    }
  }

  /** What waits and was put in here is replaced by a successor that says the same and more; gives back how many. */
  supersede(lane: Lane): number {
    const old = this.#lanes[lane].filter(({ adopted }) => !adopted);
    this.#lanes[lane] = this.#lanes[lane].filter(({ adopted }) => adopted);
    this.settle(old);
    return countOf(old);
  }

  /** What was put in here and has not met its fate: each is `done` when it has. */
  pending(signal: Signal): Entry[] {
    const own = [...this.#underWay].filter(({ lane }) => signalOf(lane) === signal);
    return [...own, ...this.#of(signal)].filter(({ adopted }) => !adopted);
  }

  /** What of a signal is under way waits again: its answer will not be heard. */
  recall(signal: Signal): void {
    this.putBack([...this.#underWay].filter(({ lane }) => signalOf(lane) === signal));
  }

  /** Whatever is left is given up: the process ends. */
  abandon(): void {
    this.putBack([...this.#underWay]);
    for (const lane of lanes)
      this.#giveUp(this.#lanes[lane].splice(0), 'shutdown', 'not sent before the end');
  }

  /** Brings to disk what is only in memory. Gives back the items that are on disk now, by signal. */
  spill(): Map<Signal, number> {
    this.putBack([...this.#underWay]);
    for (const entry of lanes.flatMap((lane) => this.#lanes[lane])) {
      if (entry.place === undefined && entry.body !== undefined)
        entry.place = this.#write({ ...entry, body: entry.body }, false);
    }
    const spilt = new Map<Signal, number>();
    for (const lane of lanes) {
      const safe = this.#lanes[lane].filter(({ place }) => place !== undefined);
      this.#lanes[lane] = this.#lanes[lane].filter(({ place }) => place === undefined);
      const signal = signalOf(lane);
      if (safe.length > 0) spilt.set(signal, (spilt.get(signal) ?? 0) + countOf(safe));
      for (const entry of safe) this.#release(entry);
    }
    return spilt;
  }

  get #cacheBytes(): number {
    return this.#options.maxBytes * cachedShare;
  }

  #of(signal: Signal): Entry[] {
    return lanes.filter((lane) => signalOf(lane) === signal).flatMap((lane) => this.#lanes[lane]);
  }

  #first(signal: Signal): Entry | undefined {
    const lane = lanes.find((name) => signalOf(name) === signal && this.#lanes[name].length > 0);
    return lane && this.#lanes[lane][0];
  }

  #hold(entry: Entry, body: Uint8Array): void {
    entry.body = body;
    this.#held += entry.bytes;
  }

  #release(entry: Entry): void {
    entry.done = true;
    if (entry.body === undefined) return;
    entry.body = undefined;
    this.#held -= entry.bytes;
  }

  /** Whether its body is there. A disk that gives back something else than it got costs these items alone. */
  #isReady(entry: Entry): boolean {
    if (entry.body !== undefined) return true;
    const body = entry.place && this.#spool?.read(entry.place);
    if (body !== undefined) {
      this.#hold(entry, body);
      return true;
    }
    this.#options.books.lose(signalOf(entry.lane), entry.count, 'corrupt', 'unreadable in the spool');
    this.settle([entry]);
    return false;
  }

  #write(parcel: Parcel, through: boolean): Place | undefined {
    const spool = this.#spool;
    if (spool === undefined) return undefined;
    while (!spool.hasRoomFor(parcel.body.length)) if (!this.#makeRoom(spool)) return undefined;
    return spool.append(parcel, through);
  }

  /** Gives up the oldest file of the least urgent lane that has one nobody is just sending from. */
  #makeRoom(spool: Spool): boolean {
    const busy = new Set<Segment | undefined>([...this.#underWay].map(({ place }) => place?.segment));
    for (const lane of lanes.toReversed()) {
      const segment = this.#lanes[lane].find(({ place }) => place && !busy.has(place.segment))?.place
        ?.segment;
      if (segment === undefined) continue;
      const [given, kept] = parted(this.#lanes[lane], (entry) => entry.place?.segment === segment);
      this.#lanes[lane] = kept;
      this.#giveUp(given, 'spool_full', 'the spool was full');
      spool.discard(segment);
      return true;
    }
    return false;
  }

  #fitMemory(signal: Signal): void {
    const most = this.#options.mostItems?.[signal] ?? Number.POSITIVE_INFINITY;
    while (this.#held > this.#options.maxBytes) if (!this.#dropOldest(lanes.toReversed())) return;
    if (most === Number.POSITIVE_INFINITY) return;
    const own = lanes.toReversed().filter((lane) => signalOf(lane) === signal);
    while (this.#inMemory(own) > most) if (!this.#dropOldest(own)) return;
  }

  #inMemory(own: readonly Lane[]): number {
    return countOf(own.flatMap((lane) => this.#lanes[lane].filter(({ place }) => place === undefined)));
  }

  #dropOldest(order: readonly Lane[]): boolean {
    for (const lane of order) {
      const at = this.#lanes[lane].findIndex(({ place }) => place === undefined);
      if (at < 0) continue;
      this.#giveUp(this.#lanes[lane].splice(at, 1), 'queue_full', 'queue full');
      return true;
    }
    return false;
  }

  #giveUp(entries: readonly Entry[], why: string, cause: string): void {
    const { books, isUnmanned } = this.#options;
    for (const entry of entries) {
      this.#release(entry);
      const signal = signalOf(entry.lane);
      if (isUnmanned(signal)) books.forget(signal, entry.count);
      else books.lose(signal, entry.count, why, cause);
    }
  }
}

/** What goes out in one request: requests in protobuf that follow each other are one. */
export function bodyOf(entries: readonly Entry[]): Uint8Array {
  const bodies = entries.map(({ body }) => body ?? new Uint8Array());
  return bodies.length === 1 ? (bodies[0] as Uint8Array) : Buffer.concat(bodies);
}

/** The items in them. */
export function countOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { count }) => sum + count, 0);
}

function parted<T>(all: readonly T[], isFirst: (one: T) => boolean): [first: T[], rest: T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}
