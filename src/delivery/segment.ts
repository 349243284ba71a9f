/** One append-only file of the spool. How far it is settled stands in its head, so that a successor goes on there. */
import { constants } from 'node:fs';
import { crc32 } from 'node:zlib';
import { framed, headerBytes, type Label, stretches } from './frame.ts';
import type { Lane, Parcel } from './parcel.ts';

/** As much of `node:fs` as the spool needs: a test puts a disk with faults in its place. */
export interface Files {
  openSync(path: string, flags: number, mode?: number): number;
  closeSync(fd: number): void;
  fstatSync(fd: number): { readonly size: number; isFile(): boolean };
  readSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number;
  writeSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number;
  ftruncateSync(fd: number, length: number): void;
  fdatasyncSync(fd: number): void;
  fdatasync(fd: number, done: (error: unknown) => void): void;
  unlinkSync(path: string): void;
}

/** Where a parcel stands. */
export interface Place {
  readonly segment: Segment;
  readonly offset: number;
  /** Bytes in the file, header included. */
  readonly size: number;
}

/** A parcel that an earlier process left, without its body. */
export interface Left extends Label {
  readonly place: Place;
}

/** What was found in a file: parcels that are whole, and what is broken, by its count where that can be read. */
export interface Findings {
  readonly left: readonly Left[];
  readonly broken: readonly Pick<Label, 'lane' | 'count'>[];
}

/** name · end of what is settled · its checksum · nothing */
const magic = Buffer.from('SONDE-S1');
const markAt = magic.length;

const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDWR } = constants;

export class Segment {
  readonly path: string;
  readonly lane: Lane;
  readonly #files: Files;
  readonly #salt: number;
  /** Parcels that are not settled, oldest first, and settled ones behind them. */
  #open: Place[] = [];
  readonly #settled = new Set<Place>();
  #size = headerBytes;
  #mark = headerBytes;
  #dirty = false;
  #spoilt = false;
  /** Absent while the file rests: a backlog of many files must not use up the app's descriptors. */
  #fd: number | undefined;

  /** Makes the file. Throws what the file system says, also where something is there already. */
  static create(files: Files, path: string, lane: Lane, salt: number): Segment {
    const fd = files.openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o600);
    const segment = new Segment(files, path, lane, salt, fd);
    const head = Buffer.alloc(headerBytes);
    magic.copy(head);
    try {
      writeAll(files, fd, head, 0);
      return segment;
    } catch (error) {
      segment.remove();
      throw error;
    }
  }

  /** Opens what another process has left. Throws what the file system says. */
  static open(files: Files, path: string, lane: Lane, salt: number): { segment: Segment; found: Findings } {
    const fd = files.openSync(path, O_NOFOLLOW | O_RDWR);
    const segment = new Segment(files, path, lane, salt, fd);
    try {
      return { segment, found: segment.#survey() };
    } finally {
      segment.rest();
    }
  }

  private constructor(files: Files, path: string, lane: Lane, salt: number, fd: number) {
    this.#files = files;
    this.path = path;
    this.lane = lane;
    this.#salt = salt;
    this.#fd = fd;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#size;
  }

  /** Parcels that nobody has settled. */
  get live(): number {
    return this.#open.length - this.#settled.size;
  }

  /** After a write that went wrong and could not be taken back nothing more belongs here. */
  get isSpoilt(): boolean {
    return this.#spoilt;
  }

  /** Throws what the file system says; the file is then as it was. */
  append(parcel: Parcel): Place {
    const frame = framed(parcel, this.#salt);
    const place = { segment: this, offset: this.#size, size: frame.length };
    try {
      this.#use((fd) => writeAll(this.#files, fd, frame, place.offset));
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    this.#size += frame.length;
    this.#dirty = true;
    this.#open.push(place);
    return place;
  }

  /** The body, or `undefined` if the disk gives back something else than was written. */
  read(place: Place): Uint8Array | undefined {
    const bytes = this.#bytes(place.offset, place.size);
    const [stretch] = stretches(bytes, this.#salt, 0);
    return stretch?.isWhole && stretch.size === place.size ? bytes.subarray(headerBytes) : undefined;
  }

  /** These were delivered or counted: no successor needs them. */
  settle(places: readonly Place[]): void {
    for (const place of places) this.#settled.add(place);
    const first = this.#open.findIndex((place) => !this.#settled.has(place));
    const done = this.#open.splice(0, first < 0 ? this.#open.length : first);
    for (const place of done) this.#settled.delete(place);
    const last = done.at(-1);
    if (last === undefined) return;
    this.#mark = last.offset + last.size;
    const mark = markOf(this.#mark, this.#salt);
    this.#use((fd) => writeAll(this.#files, fd, mark, markAt));
  }

  /** On the platter, as far as somebody still needs it. */
  sync(): Promise<void> {
    const fd = this.#fd;
    if (!this.#isDue() || fd === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#files.fdatasync(fd, (error) => (error ? reject(error as Error) : resolve()));
    });
  }

  syncNow(): void {
    if (this.#isDue()) this.#use((fd) => this.#files.fdatasyncSync(fd));
  }

  /** Gives the descriptor back; the next use takes one for its own time. */
  rest(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) this.#files.closeSync(fd);
  }

  remove(): void {
    this.rest();
    this.#files.unlinkSync(this.path);
  }

  #isDue(): boolean {
    const due = this.#dirty && this.live > 0;
    this.#dirty = false;
    return due;
  }

  #use<T>(work: (fd: number) => T): T {
    if (this.#fd !== undefined) return work(this.#fd);
    const fd = this.#files.openSync(this.path, O_NOFOLLOW | O_RDWR);
    try {
      return work(fd);
    } finally {
      this.#files.closeSync(fd);
    }
  }

  #takeBack(): void {
    try {
      this.#use((fd) => this.#files.ftruncateSync(fd, this.#size));
    } catch {
      this.#spoilt = true;
    }
  }

  #survey(): Findings {
    const stat = this.#use((fd) => this.#files.fstatSync(fd));
    if (!stat.isFile()) throw new Error('not a file');
    this.#size = stat.size;
    const bytes = this.#bytes(0, stat.size);
    this.#mark = readMark(bytes, this.#salt);
    const found = { left: [] as Left[], broken: [] as Pick<Label, 'lane' | 'count'>[] };
    for (const { offset, size, label, isWhole } of stretches(bytes, this.#salt, this.#mark)) {
      const place = { segment: this, offset, size };
      if (label !== undefined && isWhole) {
        this.#open.push(place);
        found.left.push({ ...label, place });
      } else found.broken.push(label ?? { lane: this.lane, count: 1 });
    }
    return found;
  }

  #bytes(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(
      0,
      this.#use((fd) => readAll(this.#files, fd, bytes, position)),
    );
  }
}

function readAll(files: Files, fd: number, bytes: Uint8Array, position: number): number {
  let done = 0;
  while (done < bytes.length) {
    const read = files.readSync(fd, bytes, done, bytes.length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

function writeAll(files: Files, fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const written = files.writeSync(fd, bytes, done, bytes.length - done, position + done);
    if (written === 0) throw Object.assign(new Error('ENOSPC: nothing was written'), { code: 'ENOSPC' });
    done += written;
  }
}

function markOf(end: number, salt: number): Buffer {
  const mark = Buffer.alloc(8);
  mark.writeUInt32LE(end);
  mark.writeUInt32LE(crc32(mark.subarray(0, 4), salt), 4);
  return mark;
}

/** A head that cannot be read says that nothing is settled: better twice than never. */
function readMark(bytes: Buffer, salt: number): number {
  if (bytes.length < headerBytes) return headerBytes;
  const mark = bytes.subarray(markAt, markAt + 8);
  const end = mark.readUInt32LE();
  const isTrue = mark.equals(markOf(end, salt)) && end >= headerBytes && end <= bytes.length;
  return isTrue ? end : headerBytes;
}
