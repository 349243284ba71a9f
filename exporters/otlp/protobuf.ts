/** The few protobuf messages that a receiver answers with, read by hand. Garbage gives nothing, never an error. */

type Field = readonly [number: number, value: bigint | Uint8Array];

/** What a receiver refused of a request it accepted. */
export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** `partial_success` of any of the three Export…ServiceResponse; `undefined` for bytes that are not one. */
export function readPartialSuccess(bytes: Uint8Array): PartialSuccess | undefined {
  const fields = readFields(bytes);
  if (fields === undefined) return undefined;
  const inner = readFields(bytesOf(fields, 1) ?? new Uint8Array());
  if (inner === undefined) return undefined;
  return { rejected: numberOf(inner, 1), message: textOf(inner, 2) };
}

/** The message of a `google.rpc.Status`. */
export function readStatusMessage(bytes: Uint8Array): string | undefined {
  const fields = readFields(bytes);
  return fields && textOf(fields, 2);
}

/** The delay of the `google.rpc.RetryInfo` among the details of a `google.rpc.Status`, in milliseconds. */
export function readRetryDelay(bytes: Uint8Array): number | undefined {
  for (const [number, value] of readFields(bytes) ?? []) {
    if (number !== 3 || !(value instanceof Uint8Array)) continue;
    const any = readFields(value) ?? [];
    if (!textOf(any, 1).endsWith('/google.rpc.RetryInfo')) continue;
    const info = readFields(bytesOf(any, 2) ?? new Uint8Array()) ?? [];
    const duration = readFields(bytesOf(info, 1) ?? new Uint8Array()) ?? [];
    return numberOf(duration, 1) * 1000 + numberOf(duration, 2) / 1e6;
  }
  return undefined;
}

function bytesOf(fields: readonly Field[], number: number): Uint8Array | undefined {
  const value = fields.find(([n]) => n === number)?.[1];
  return value instanceof Uint8Array ? value : undefined;
}

function textOf(fields: readonly Field[], number: number): string {
  return Buffer.from(bytesOf(fields, number) ?? []).toString('utf8');
}

function numberOf(fields: readonly Field[], number: number): number {
  const value = fields.find(([n]) => n === number)?.[1];
  return typeof value === 'bigint' ? Number(BigInt.asIntN(64, value)) : 0;
}

function readFields(bytes: Uint8Array): Field[] | undefined {
  const cursor = { bytes, at: 0 };
  const fields: Field[] = [];
  while (cursor.at < bytes.length) {
    const tag = readVarint(cursor);
    const value = tag === undefined ? undefined : readValue(cursor, Number(tag & 7n));
    if (tag === undefined || value === undefined) return undefined;
    fields.push([Number(tag >> 3n), value]);
  }
  return fields;
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function readValue(cursor: Cursor, wireType: number): bigint | Uint8Array | undefined {
  if (wireType === 0) return readVarint(cursor);
  if (wireType === 1) return readBytes(cursor, 8n);
  if (wireType === 2) return readBytes(cursor, readVarint(cursor));
  return wireType === 5 ? readBytes(cursor, 4n) : undefined;
}

function readBytes(cursor: Cursor, length: bigint | undefined): Uint8Array | undefined {
  if (length === undefined || BigInt(cursor.at) + length > BigInt(cursor.bytes.length)) return undefined;
  const start = cursor.at;
  cursor.at += Number(length);
  return cursor.bytes.subarray(start, cursor.at);
}

function readVarint(cursor: Cursor): bigint | undefined {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return undefined;
}
