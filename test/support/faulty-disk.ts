/**
 * A disk in memory for the spool's property tests: what was not synced may be gone after a power cut, from the end of
 * each file on or as zeros; writes may be short; space ends; bits flip.
 */
import { constants } from 'node:fs';
import type { Files } from '../../src/delivery/segment.ts';

interface Inode {
  bytes: Buffer;
  /** As of the last sync. */
  safe: Buffer;
}

export class FaultyDisk implements Files {
  readonly files: Map<string, Inode> = new Map();
  readonly #open = new Map<number, Inode>();
  #nextFd = 3;
  /** Bytes that all files may have together. */
  capacity: number = Number.POSITIVE_INFINITY;
  /** The most that one write takes. */
  mostAtOnce: number = Number.POSITIVE_INFINITY;
  readOnly: boolean = false;

  get used(): number {
    return [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  get descriptors(): number {
    return this.#open.size;
  }

  /** The one file that there is. */
  only(): Inode {
    const [inode, ...more] = this.files.values();
    if (inode === undefined || more.length > 0) throw new Error(`${this.files.size} files`);
    return inode;
  }

  openSync(path: string, flags: number): number {
    const isNew = (flags & constants.O_CREAT) !== 0;
    if (this.readOnly && isNew) throw fault('EROFS');
    if (isNew && this.files.has(path)) throw fault('EEXIST');
    if (!isNew && !this.files.has(path)) throw fault('ENOENT');
    const inode = this.files.get(path) ?? { bytes: Buffer.alloc(0), safe: Buffer.alloc(0) };
    this.files.set(path, inode);
    this.#open.set(this.#nextFd, inode);
    return this.#nextFd++;
  }

  closeSync(fd: number): void {
    if (!this.#open.delete(fd)) throw fault('EBADF');
  }

  fstatSync(fd: number): { size: number; isFile(): boolean } {
    return { size: this.#inode(fd).bytes.length, isFile: () => true };
  }

  readSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number {
    return this.#inode(fd).bytes.copy(bytes, offset, position, position + length);
  }

  writeSync(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): number {
    if (this.readOnly) throw fault('EROFS');
    const inode = this.#inode(fd);
    const grows = Math.max(0, position + length - inode.bytes.length);
    const room = Math.max(0, this.capacity - this.used);
    const fits = Math.min(length, this.mostAtOnce, length - grows + Math.min(grows, room));
    if (fits <= 0) throw fault('ENOSPC');
    const size = Math.max(inode.bytes.length, position + fits);
    const grown = Buffer.concat([inode.bytes, Buffer.alloc(size - inode.bytes.length)]);
    grown.set(bytes.subarray(offset, offset + fits), position);
    inode.bytes = grown;
    return fits;
  }

  ftruncateSync(fd: number, length: number): void {
    const inode = this.#inode(fd);
    inode.bytes = inode.bytes.subarray(0, length);
  }

  fdatasyncSync(fd: number): void {
    const inode = this.#inode(fd);
    inode.safe = Buffer.from(inode.bytes);
  }

  fdatasync(fd: number, done: (error: unknown) => void): void {
    this.fdatasyncSync(fd);
    done(null);
  }

  unlinkSync(path: string): void {
    if (!this.files.delete(path)) throw fault('ENOENT');
  }

  /** Power is back: of what was not synced each file keeps a part, in `kept` of 0 to 1, or zeros in its place. */
  cutPower(kept: number, zeros: boolean): void {
    this.#open.clear();
    for (const inode of this.files.values()) {
      const { bytes, safe } = inode;
      const end = safe.length + Math.floor(Math.max(0, bytes.length - safe.length) * kept);
      const torn = Buffer.from(bytes.subarray(0, end));
      inode.bytes = zeros ? Buffer.concat([torn, Buffer.alloc(bytes.length - torn.length)]) : torn;
    }
  }

  #inode(fd: number): Inode {
    const inode = this.#open.get(fd);
    if (inode === undefined) throw fault('EBADF');
    return inode;
  }
}

function fault(code: string): Error {
  return Object.assign(new Error(code), { code });
}
