/**
 * Protobuf's wire format, written forward into chunks that are never written twice. A finished message is a place in
 * its chunk: nothing is copied until a request is put together, and nothing in it can change any more.
 */

const usualChunk = 65_536;
/** From here on Node's own encoder is faster than a loop (measured). */
const longestLoop = 40;
/** Lengths up to this one take one byte. */
const shortLength = 127;

/** A finished message in its chunk. */
export interface Cut {
  readonly chunk: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Tag of a varint. */
export const varintField = (number: number): number => number << 3;
/** Tag of a fixed64 or a double. */
export const fixed64Field = (number: number): number => (number << 3) | 1;
/** Tag of a fixed32. */
export const fixed32Field = (number: number): number => (number << 3) | 5;
/** Tag of a text, of bytes, of a nested message. */
export const lengthField = (number: number): number => (number << 3) | 2;

const float = new Float64Array(1);
const floatBytes = new Uint8Array(float.buffer);

const hexDigits = new Uint8Array(128);
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  hexDigits[digit.charCodeAt(0)] = value;
  hexDigits[digit.toUpperCase().charCodeAt(0)] = value;
}

/**
 * Writes one message after the other. Tags are given whole and take one byte: fields 1 to 15, but for fixed32. Positions are counted
 * from the start of the message, since a message that outgrows its chunk moves.
 */
export class ChunkWriter {
  readonly #chunkBytes: number;
  #bytes: Buffer;
  #start = 0;
  #at = 0;
  #second = Number.NaN;
  #secondLow = 0;
  #secondHigh = 0;

  constructor(chunkBytes: number = usualChunk) {
    this.#chunkBytes = chunkBytes;
    this.#bytes = Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#at - this.#start;
  }

  /** Forgets what was written behind `position`; by default all of the message under way. */
  rewind(position: number = 0): void {
    this.#at = this.#start + position;
  }

  /** Ends the message under way. */
  cut(): Cut {
    const cut = { chunk: this.#bytes, start: this.#start, end: this.#at };
    this.#start = this.#at;
    return cut;
  }

  /** The message under way as bytes of its own; none is under way afterwards. */
  copy(): Uint8Array {
    const bytes = Uint8Array.prototype.slice.call(this.#bytes, this.#start, this.#at);
    this.rewind();
    return bytes;
  }

  /** Begins a nested message; its length is filled in by `close`. */
  open(tag: number): number {
    const at = this.#room(2);
    this.#bytes[at] = tag;
    this.#at = at + 2;
    return this.#at - this.#start;
  }

  close(opened: number): void {
    const from = this.#start + opened;
    const length = this.#at - from;
    if (length <= shortLength) {
      this.#bytes[from - 1] = length;
      return;
    }
    const more = varintSize(length) - 1;
    this.#room(more);
    const moved = this.#start + opened;
    this.#bytes.copyWithin(moved + more, moved, this.#at);
    this.#at += more;
    writeLength(this.#bytes, moved - 1, length);
  }

  /** A field of raw bytes, or a message that is encoded already. */
  bytes(tag: number, bytes: Uint8Array): void {
    const at = this.#room(bytes.length + 6);
    this.#bytes[at] = tag;
    this.#at = writeLength(this.#bytes, at + 1, bytes.length);
    this.raw(bytes);
  }

  /** Fields that are encoded already, tags included. */
  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    if (bytes.length <= longestLoop) copy(bytes, this.#bytes, at);
    else this.#bytes.set(bytes, at);
    this.#at = at + bytes.length;
  }

  string(tag: number, text: string): void {
    const { length } = text;
    const at = this.#room(length * 3 + 6);
    const bytes = this.#bytes;
    bytes[at] = tag;
    if (length <= longestLoop && writeAscii(bytes, at + 2, text)) {
      bytes[at + 1] = length;
      this.#at = at + 2 + length;
      return;
    }
    // As many bytes as characters is what most texts need: only the others are moved.
    const guessed = at + 1 + varintSize(length);
    const written = bytes.write(text, guessed);
    const begin = at + 1 + varintSize(written);
    if (begin !== guessed) bytes.copyWithin(begin, guessed, guessed + written);
    writeLength(bytes, at + 1, written);
    this.#at = begin + written;
  }

  /** A KeyValue whose value is a text; `key` is its encoded first field. */
  textAttribute(tag: number, key: Uint8Array, text: string): void {
    if (!this.#shortAttribute(tag, key, text)) this.#longAttribute(tag, key, text);
  }

  /** Every length in it takes one byte, and every character too; `false` where that is not so. */
  #shortAttribute(tag: number, key: Uint8Array, text: string): boolean {
    const size = key.length + text.length + 4;
    if (text.length > longestLoop || size > shortLength) return false;
    const at = this.#room(size + 2);
    const bytes = this.#bytes;
    const value = at + 2 + key.length;
    if (!writeAscii(bytes, value + 4, text)) return false;
    bytes[at] = tag;
    bytes[at + 1] = size;
    copy(key, bytes, at + 2);
    bytes[value] = 0x12;
    bytes[value + 1] = text.length + 2;
    bytes[value + 2] = 0x0a;
    bytes[value + 3] = text.length;
    this.#at = value + 4 + text.length;
    return true;
  }

  /** A KeyValue whose value is a whole number from 0 to 2 ** 31; `false` where a length in it takes more than one byte. */
  countAttribute(tag: number, key: Uint8Array, count: number): boolean {
    const digits = varintSize(count);
    const size = key.length + digits + 3;
    if (size > shortLength) return false;
    const at = this.#room(size + 2);
    const bytes = this.#bytes;
    const value = at + 2 + key.length;
    bytes[at] = tag;
    bytes[at + 1] = size;
    copy(key, bytes, at + 2);
    bytes[value] = 0x12;
    bytes[value + 1] = digits + 1;
    bytes[value + 2] = 0x18;
    this.#at = writeLength(bytes, value + 3, count);
    return true;
  }

  #longAttribute(tag: number, key: Uint8Array, text: string): void {
    const attribute = this.open(tag);
    this.raw(key);
    const value = this.open(0x12);
    this.string(0x0a, text);
    this.close(value);
    this.close(attribute);
  }

  /** Of an integer; what is negative or large is a 64-bit one. */
  varint(tag: number, value: number): void {
    let at = this.#room(11);
    const bytes = this.#bytes;
    bytes[at++] = tag;
    let low = value >>> 0;
    // Math.floor, so that a negative one is its two's complement.
    let high = low === value ? 0 : Math.floor(value / 0x1_0000_0000) >>> 0;
    while (high > 0 || low > 127) {
      bytes[at++] = (low & 127) | 128;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    bytes[at++] = low;
    this.#at = at;
  }

  /** Whole numbers up to 2 ** 53 without tags: of a packed field. */
  varints(values: readonly number[]): void {
    for (const value of values) {
      const at = this.#room(8);
      this.#at = writeLength(this.#bytes, at, value);
    }
  }

  /** Of an integer up to 2 ** 53, or of its negative. */
  fixed64(tag: number, value: number): void {
    this.#words(tag, value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0);
  }

  /** The one kind that has a field number above 15. */
  fixed32(tag: number, value: number): void {
    const from = this.#room(6);
    let at = writeLength(this.#bytes, from, tag);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[at++] = value >>> shift;
    this.#at = at;
  }

  double(tag: number, value: number): void {
    let at = this.#room(9);
    this.#bytes[at++] = tag;
    at = this.#float(at, value);
    this.#at = at;
  }

  /** Doubles without tags: of a packed field. */
  doubles(values: readonly number[]): void {
    for (const value of values) this.#at = this.#float(this.#room(8), value);
  }

  /** Fixed 64-bit integers without tags: of a packed field. */
  fixed64s(values: readonly number[]): void {
    for (const value of values) this.#wordsAt(this.#room(8), value >>> 0, Math.floor(value / 0x1_0000_0000));
  }

  /** A point in time in nanoseconds, as fixed64. Seconds come in runs. */
  time(tag: number, seconds: number, nanos: number): void {
    if (seconds !== this.#second) {
      const whole = BigInt.asUintN(64, BigInt(Math.trunc(seconds)) * 1_000_000_000n);
      this.#second = seconds;
      this.#secondLow = Number(whole & 0xffff_ffffn);
      this.#secondHigh = Number(whole >> 32n);
    }
    const low = this.#secondLow + Math.trunc(nanos);
    this.#words(tag, low >>> 0, this.#secondHigh + Math.floor(low / 0x1_0000_0000));
  }

  /** An id, from hex digits to bytes. */
  hex(tag: number, digits: string): void {
    const length = digits.length >> 1;
    let at = this.#room(length + 2);
    const bytes = this.#bytes;
    bytes[at++] = tag;
    bytes[at++] = length;
    for (let i = 0; i < length * 2; i += 2) {
      const high = hexDigits[digits.charCodeAt(i) & 127] as number;
      bytes[at++] = (high << 4) | (hexDigits[digits.charCodeAt(i + 1) & 127] as number);
    }
    this.#at = at;
  }

  #words(tag: number, low: number, high: number): void {
    const at = this.#room(9);
    this.#bytes[at] = tag;
    this.#wordsAt(at + 1, low, high);
  }

  #wordsAt(from: number, low: number, high: number): void {
    let at = from;
    const bytes = this.#bytes;
    for (let shift = 0; shift < 32; shift += 8) bytes[at++] = low >>> shift;
    for (let shift = 0; shift < 32; shift += 8) bytes[at++] = high >>> shift;
    this.#at = at;
  }

  #float(from: number, value: number): number {
    float[0] = value;
    for (let i = 0; i < 8; i++) this.#bytes[from + i] = floatBytes[i] as number;
    return from + 8;
  }

  /** Makes sure that `count` bytes can follow, and says where. */
  #room(count: number): number {
    if (this.#at + count > this.#bytes.length) this.#move(count);
    return this.#at;
  }

  #move(count: number): void {
    const written = this.#at - this.#start;
    const next = Buffer.allocUnsafeSlow(Math.max(this.#chunkBytes, (written + count) * 2));
    next.set(this.#bytes.subarray(this.#start, this.#at));
    this.#bytes = next;
    this.#start = 0;
    this.#at = written;
  }
}

/** Of few bytes: `set` takes longer to begin than this to end (measured). */
function copy(from: Uint8Array, to: Uint8Array, at: number): void {
  for (let i = 0; i < from.length; i++) to[at + i] = from[i] as number;
}

/** Whether all of it was plain ASCII; if not, what was written means nothing. */
function writeAscii(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return false;
    bytes[at + i] = code;
  }
  return true;
}

/** How many bytes a length takes. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Gives back where it ends. */
export function writeLength(bytes: Uint8Array, from: number, length: number): number {
  let at = from;
  let rest = length;
  while (rest > 127) {
    bytes[at++] = (rest & 127) | 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}
