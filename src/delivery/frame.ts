/**
 * How a parcel stands in a file of the spool: a header and a body with a checksum each. With the header whole, a
 * broken body costs exactly its own items, and their number is known; with the header broken, the next one is found
 * by the file's salt, which no author of a log record can know.
 */
import { crc32 } from 'node:zlib';
import { type Lane, lanes, type Parcel } from './parcel.ts';

/** salt · checksum of the rest · body's length · body's checksum · count · lane · form · nothing · time of birth */
export const headerBytes = 32;
const at = { salt: 0, check: 4, length: 8, bodyCheck: 12, count: 16, lane: 20, json: 21, rest: 22, born: 24 };

/** What a header says. */
export interface Label extends Omit<Parcel, 'body'> {
  /** Bytes of the body. */
  readonly length: number;
  readonly bodyCheck: number;
}

/** A stretch of a file: a parcel's frame, or what cannot be read as one. */
export interface Stretch {
  readonly offset: number;
  /** Bytes in the file, header included. */
  readonly size: number;
  /** Absent where the header itself is broken. */
  readonly label?: Label;
  readonly isWhole: boolean;
}

export function framed({ lane, count, json, born, body }: Parcel, salt: number): Buffer {
  const frame = Buffer.alloc(headerBytes + body.length);
  frame.writeUInt32LE(salt, at.salt);
  frame.writeUInt32LE(body.length, at.length);
  frame.writeUInt32LE(crc32(body), at.bodyCheck);
  frame.writeUInt32LE(count, at.count);
  frame.writeUInt8(lanes.indexOf(lane), at.lane);
  frame.writeUInt8(json ? 1 : 0, at.json);
  frame.writeDoubleLE(born, at.born);
  frame.writeUInt32LE(crc32(frame.subarray(at.length, headerBytes)), at.check);
  frame.set(body, headerBytes);
  return frame;
}

/** Everything from `offset` on, in order; nothing between two stretches is left out. */
export function* stretches(bytes: Buffer, salt: number, offset: number): Generator<Stretch> {
  while (offset < bytes.length) {
    const label = labelAt(bytes, salt, offset);
    const end =
      label === undefined ? nextFrame(bytes, salt, offset + 1) : offset + headerBytes + label.length;
    const size = Math.min(end, bytes.length) - offset;
    yield { offset, size, label, isWhole: label !== undefined && isBody(label, bytes, offset) };
    offset += size;
  }
}

function labelAt(bytes: Buffer, salt: number, offset: number): Label | undefined {
  if (offset + headerBytes > bytes.length) return undefined;
  const header = bytes.subarray(offset, offset + headerBytes);
  if (header.readUInt32LE(at.salt) !== salt) return undefined;
  if (header.readUInt32LE(at.check) !== crc32(header.subarray(at.length))) return undefined;
  return {
    lane: lanes[header.readUInt8(at.lane)] as Lane,
    count: header.readUInt32LE(at.count),
    json: header.readUInt8(at.json) === 1,
    born: header.readDoubleLE(at.born),
    length: header.readUInt32LE(at.length),
    bodyCheck: header.readUInt32LE(at.bodyCheck),
  };
}

function isBody({ length, bodyCheck }: Label, bytes: Buffer, offset: number): boolean {
  const body = bytes.subarray(offset + headerBytes, offset + headerBytes + length);
  return body.length === length && crc32(body) === bodyCheck;
}

function nextFrame(bytes: Buffer, salt: number, from: number): number {
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(salt);
  for (let next = bytes.indexOf(mark, from); next >= 0; next = bytes.indexOf(mark, next + 1)) {
    if (labelAt(bytes, salt, next) !== undefined) return next;
  }
  return bytes.length;
}
