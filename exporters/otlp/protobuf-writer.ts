/** Protobuf, written by hand into one growing buffer. */

const firstSize = 16_384;
const twoTo32 = 2 ** 32;

const wire = { varint: 0, fixed64: 1, bytes: 2 } as const;

export class ProtobufWriter {
  #buffer: Buffer = Buffer.allocUnsafe(firstSize);
  #at = 0;

  /** What was written, in memory of its own. */
  finish(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#buffer, 0, this.#at);
  }

  #reserve(size: number): void {
    const needed = this.#at + size;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, needed));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }

  /** A whole number from 0 to 2^53. */
  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#at++] = rest;
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  /** A message inside this one: `write` writes it, its length is put in front. */
  message(field: number, write: () => void): void {
    this.#tag(field, wire.bytes);
    this.#delimited(write);
  }

  #delimited(write: () => void): void {
    this.#reserve(1);
    const start = ++this.#at;
    write();
    const length = this.#at - start;
    if (length < 128) {
      this.#buffer[start - 1] = length;
      return;
    }
    const extra = sizeOfVarint(length) - 1;
    this.#reserve(extra);
    this.#buffer.copyWithin(start + extra, start, this.#at);
    const end = this.#at + extra;
    this.#at = start - 1;
    this.#varint(length);
    this.#at = end;
  }

  text(field: number, text: string): void {
    this.#tag(field, wire.bytes);
    // Three bytes for each UTF-16 unit are enough for any text.
    if (text.length < 42) this.#shortText(text);
    else {
      const length = Buffer.byteLength(text);
      this.#varint(length);
      this.#reserve(length);
      this.#at += this.#buffer.write(text, this.#at, length, 'utf8');
    }
  }

  #shortText(text: string): void {
    this.#reserve(text.length * 3 + 1);
    const length = this.#buffer.write(text, this.#at + 1, 'utf8');
    this.#buffer[this.#at] = length;
    this.#at += length + 1;
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#tag(field, wire.bytes);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Hex digits as the bytes they stand for. */
  hex(field: number, digits: string): void {
    this.bytes(field, Buffer.from(digits, 'hex'));
  }

  unsigned(field: number, value: number): void {
    this.#tag(field, wire.varint);
    this.#varint(value);
  }

  /** `sint32`. */
  zigzag(field: number, value: number): void {
    this.unsigned(field, value < 0 ? -value * 2 - 1 : value * 2);
  }

  /** `int64`: negative ones take ten bytes. */
  signed(field: number, value: number): void {
    if (value >= 0 && Number.isSafeInteger(value)) {
      this.unsigned(field, value);
      return;
    }
    this.#tag(field, wire.varint);
    this.#reserve(10);
    let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#at++] = Number(rest);
  }

  double(field: number, value: number): void {
    this.#tag(field, wire.fixed64);
    this.#doubleItem(value);
  }

  #doubleItem(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** `fixed64` of a count: 0 to 2^53. */
  fixed(field: number, value: number): void {
    this.#tag(field, wire.fixed64);
    this.#fixedItem(value);
  }

  #fixedItem(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeUInt32LE(value % twoTo32, this.#at);
    this.#at = this.#buffer.writeUInt32LE(Math.floor(value / twoTo32), this.#at);
  }

  /** `sfixed64`. */
  signedFixed(field: number, value: number): void {
    this.#tag(field, wire.fixed64);
    this.#reserve(8);
    this.#at = this.#buffer.writeBigInt64LE(BigInt.asIntN(64, BigInt(Math.trunc(value))), this.#at);
  }

  /** Seconds and nanoseconds as `fixed64` nanoseconds. */
  nanos(field: number, [seconds, rest]: readonly [number, number]): void {
    this.#tag(field, wire.fixed64);
    this.#reserve(8);
    // In two halves, since the product is beyond what a double holds.
    const high = Math.floor(seconds / 2 ** 16) * 1e9;
    const low = (seconds % 2 ** 16) * 1e9 + rest;
    const total = (BigInt(high) << 16n) + BigInt(Math.trunc(low));
    this.#at = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, total), this.#at);
  }

  /** Packed `fixed64` counts. */
  packedFixed(field: number, values: readonly number[]): void {
    this.#tag(field, wire.bytes);
    this.#varint(values.length * 8);
    for (const value of values) this.#fixedItem(value);
  }

  packedDoubles(field: number, values: readonly number[]): void {
    this.#tag(field, wire.bytes);
    this.#varint(values.length * 8);
    for (const value of values) this.#doubleItem(value);
  }

  /** Packed `uint64` counts. */
  packedUnsigned(field: number, values: readonly number[]): void {
    this.message(field, () => {
      for (const value of values) this.#varint(value);
    });
  }
}

function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) size++;
  return size;
}
