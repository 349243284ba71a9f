/**
 * Parcels on disk, so that they outlive the process: appended to one file per lane, and let go when somebody has
 * them. At least once: what was under way in the moment of a crash may be delivered again.
 */
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { rootContext, runIn } from '../context/context.ts';
import { headerBytes } from './frame.ts';
import { type Lane, lanes, type Parcel } from './parcel.ts';
import { type Files, type Findings, type Place, Segment } from './segment.ts';

export interface SpoolOptions {
  /** Exists, and belongs to this process alone. */
  readonly folder: string;
  readonly maxBytes: number;
  readonly files?: Files;
  /** Hears of every error of the disk. The spool takes nothing for a second then. */
  onTrouble?(error: unknown): void;
  /** The disk takes parcels again. */
  onRelief?(): void;
}

/** Milliseconds. */
const syncMillis = 500;
const pauseMillis = 1000;

const mostSegmentBytes = 1_048_576;
const fewestSegmentBytes = 4096;
/** So that giving up the oldest file costs a small part of what is kept. */
const segmentsInAll = 16;

const fileName = /^\d+\.(errors|logs|metrics|traces)\.([0-9a-f]{8})\.seg$/;

export class Spool {
  readonly #options: SpoolOptions;
  readonly #files: Files;
  readonly #segmentBytes: number;
  readonly #segments: Record<Lane, Segment[]> = { errors: [], logs: [], metrics: [], traces: [] };
  readonly #active = new Map<Lane, Segment>();
  #made = 0;
  #timer: NodeJS.Timeout | undefined;
  #pausedUntil = 0;
  #troubled = false;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#files = options.files ?? fs;
    const share = Math.floor(options.maxBytes / segmentsInAll);
    this.#segmentBytes = Math.min(Math.max(share, fewestSegmentBytes), mostSegmentBytes);
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#all().reduce((sum, segment) => sum + segment.size, 0);
  }

  /** Parcels that wait on disk. */
  get size(): number {
    return this.#all().reduce((sum, segment) => sum + segment.live, 0);
  }

  /** Whether a body of this size fits under the limit; what is settled makes room first. */
  hasRoomFor(bodyBytes: number): boolean {
    const needed = bodyBytes + 2 * headerBytes;
    if (this.bytes + needed <= this.#options.maxBytes) return true;
    for (const segment of this.#active.values()) if (segment.live === 0) this.discard(segment);
    return this.bytes + needed <= this.#options.maxBytes;
  }

  /**
   * Writes a parcel; at the latest after 500 ms it is on the platter too, with `through` at once. `undefined` where
   * the disk does not take it, or did not take the last one a moment ago.
   */
  append(parcel: Parcel, through = false): Place | undefined {
    if (performance.now() < this.#pausedUntil) return undefined;
    return this.#trying(() => {
      const segment = this.#writable(parcel.lane);
      const place = segment.append(parcel);
      if (through) segment.syncNow();
      else this.#syncLater();
      this.#relieved();
      return place;
    });
  }

  /** The body, or `undefined` if the disk does not give back what was written. */
  read(place: Place): Uint8Array | undefined {
    return this.#trying(() => place.segment.read(place));
  }

  /** These were delivered or counted. */
  settle(places: readonly Place[]): void {
    for (const [segment, own] of Map.groupBy(places, ({ segment }) => segment)) {
      this.#trying(() => segment.settle(own));
      if (segment.live === 0 && this.#active.get(segment.lane) !== segment) this.discard(segment);
    }
  }

  /** Gives up a file and all that is in it. */
  discard(segment: Segment): void {
    if (this.#active.get(segment.lane) === segment) this.#active.delete(segment.lane);
    this.#segments[segment.lane] = this.#segments[segment.lane].filter((other) => other !== segment);
    this.#trying(() => segment.remove());
  }

  /** Takes over a file that a dead process left, which belongs to this one now. */
  adopt(path: string): Findings {
    const opened = this.#trying(() => this.#opened(path));
    if (opened === undefined) return { left: [], broken: [] };
    const { segment, found } = opened;
    if (segment.live === 0) this.#trying(() => segment.remove());
    else this.#segments[segment.lane].push(segment);
    return found;
  }

  /** Everything that somebody still needs is on the platter. Never throws. */
  syncNow(): void {
    for (const segment of this.#all()) this.#trying(() => segment.syncNow());
  }

  /** Leaves what is not settled to a successor, on the platter; answers whether there is any. */
  close(): boolean {
    clearTimeout(this.#timer);
    this.#active.clear();
    for (const segment of this.#all()) {
      if (segment.live === 0) this.discard(segment);
      else
        this.#trying(() => {
          segment.syncNow();
          segment.rest();
        });
    }
    return this.size > 0;
  }

  #all(): Segment[] {
    return lanes.flatMap((lane) => this.#segments[lane]);
  }

  #writable(lane: Lane): Segment {
    const active = this.#active.get(lane);
    if (active !== undefined && active.size < this.#segmentBytes && !active.isSpoilt) return active;
    if (active !== undefined) this.#seal(active);
    const salt = randomInt(2 ** 32);
    const number = String(++this.#made).padStart(8, '0');
    const path = `${this.#options.folder}/${number}.${lane}.${salt.toString(16).padStart(8, '0')}.seg`;
    const segment = Segment.create(this.#files, path, lane, salt);
    this.#segments[lane].push(segment);
    this.#active.set(lane, segment);
    return segment;
  }

  #seal(segment: Segment): void {
    this.#active.delete(segment.lane);
    if (segment.live === 0) this.discard(segment);
    else this.#syncLater();
  }

  #opened(path: string): ReturnType<typeof Segment.open> | undefined {
    const [, lane, salt] = fileName.exec(path.slice(path.lastIndexOf('/') + 1)) ?? [];
    if (lane === undefined || salt === undefined) return undefined;
    return Segment.open(this.#files, path, lane as Lane, Number.parseInt(salt, 16));
  }

  #syncLater(): void {
    this.#timer ??= runIn(rootContext, () => setTimeout(() => void this.#syncAll(), syncMillis).unref());
  }

  async #syncAll(): Promise<void> {
    this.#timer = undefined;
    for (const segment of this.#all()) {
      await segment.sync().catch((error) => this.#hurt(error));
      if (this.#active.get(segment.lane) !== segment) this.#trying(() => segment.rest());
    }
  }

  #trying<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#hurt(error);
      return undefined;
    }
  }

  #hurt(error: unknown): void {
    this.#pausedUntil = performance.now() + pauseMillis;
    this.#troubled = true;
    this.#options.onTrouble?.(error);
  }

  #relieved(): void {
    if (!this.#troubled) return;
    this.#troubled = false;
    this.#options.onRelief?.();
  }
}
