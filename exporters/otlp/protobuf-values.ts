/** OTLP's AnyValue, KeyValue, Resource and InstrumentationScope in protobuf. */

import { ChunkWriter, fixed64Field, lengthField, varintField } from './chunk-writer.ts';
import type { ResourceLike, Scope } from './log-record.ts';

const anyValue = {
  string: lengthField(1),
  bool: varintField(2),
  int: varintField(3),
  double: fixed64Field(4),
  array: lengthField(5),
  kvlist: lengthField(6),
  bytes: lengthField(7),
};
const keyValue = { key: lengthField(1), value: lengthField(2) };
/** The one repeated field of ArrayValue and KeyValueList. */
const member = lengthField(1);
/** Of the messages that put items under their resource and their scope: `origin` is the one or the other. */
const groupFields = { origin: lengthField(1), schemaUrl: lengthField(3) };
const resourceAttributes = lengthField(1);
const scopeFields = { name: lengthField(1), version: lengthField(2), attributes: lengthField(3) };

/** Names come from code, so there are few; whoever makes them from data pays for it alone. */
const mostKept = 2_000;
const int64 = 2 ** 63;

const keys = new Map<string, Uint8Array>();

/** An attribute's name as the first field of a KeyValue, kept. */
export function keyBytes(name: string): Uint8Array {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const bytes = encodedApart((writer) => writer.string(keyValue.key, name));
  if (keys.size < mostKept) keys.set(name, bytes);
  return bytes;
}

/** Bytes of their own, for what is written once and used often. */
export function encodedApart(write: (writer: ChunkWriter) => void): Uint8Array {
  const writer = new ChunkWriter(256);
  write(writer);
  return writer.copy();
}

/** Every own attribute as a KeyValue. Values that are none are empty. */
export function writeAttributes(writer: ChunkWriter, tag: number, attributes: object): void {
  for (const name in attributes) {
    if (Object.hasOwn(attributes, name)) {
      writeAttribute(writer, tag, keyBytes(name), (attributes as Record<string, unknown>)[name]);
    }
  }
}

/** One KeyValue; `key` is of `keyBytes`. */
export function writeAttribute(writer: ChunkWriter, tag: number, key: Uint8Array, value: unknown): void {
  if (typeof value === 'string') {
    writer.textAttribute(tag, key, value);
    return;
  }
  if (isCount(value) && writer.countAttribute(tag, key, value)) return;
  const attribute = writer.open(tag);
  writer.raw(key);
  writeValue(writer, keyValue.value, value);
  writer.close(attribute);
}

/** An AnyValue as the field `tag`. */
export function writeValue(writer: ChunkWriter, tag: number, value: unknown): void {
  const opened = writer.open(tag);
  switch (typeof value) {
    case 'string':
      writer.string(anyValue.string, value);
      break;
    case 'boolean':
      writer.varint(anyValue.bool, value ? 1 : 0);
      break;
    case 'number':
      if (isInt64(value)) writer.varint(anyValue.int, value);
      else writer.double(anyValue.double, value);
      break;
    case 'object':
      if (value !== null) writeComposite(writer, value);
  }
  writer.close(opened);
}

/** Ports, sizes, statuses: most numbers. */
function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 0x7fff_ffff && Number.isInteger(value);
}

function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -int64 && value < int64;
}

function writeComposite(writer: ChunkWriter, value: object): void {
  if (value instanceof Uint8Array) {
    writer.bytes(anyValue.bytes, value);
    return;
  }
  const isArray = Array.isArray(value);
  const opened = writer.open(isArray ? anyValue.array : anyValue.kvlist);
  // Indexed, so that a hole in the list is a member, too.
  if (isArray) for (let i = 0; i < value.length; i++) writeValue(writer, member, value[i]);
  else writeAttributes(writer, member, value);
  writer.close(opened);
}

/** With the schema's address behind it; the three signals number these fields alike. */
export const originForm = {
  resource({ attributes, schemaUrl }: ResourceLike): Uint8Array {
    return encodedApart((writer) => {
      const opened = writer.open(groupFields.origin);
      writeAttributes(writer, resourceAttributes, attributes);
      writer.close(opened);
      if (schemaUrl) writer.string(groupFields.schemaUrl, schemaUrl);
    });
  },
  scope({ name, version, schemaUrl, attributes }: Scope): Uint8Array {
    return encodedApart((writer) => {
      const opened = writer.open(groupFields.origin);
      writer.string(scopeFields.name, name);
      if (version) writer.string(scopeFields.version, version);
      if (attributes) writeAttributes(writer, scopeFields.attributes, attributes);
      writer.close(opened);
      if (schemaUrl) writer.string(groupFields.schemaUrl, schemaUrl);
    });
  },
};
