/**
 * Makes any JavaScript value safe to encode, in time bounded by the limits and not by the value. Nothing here
 * throws: what cannot be shown becomes a text in brackets, and its neighbours stay as they are.
 */
import { types } from 'node:util';
import { masked } from './masks.ts';
import { maskOf, redactCard, redactText } from './redact.ts';
import { wellFormed } from './well-formed.ts';

/** What `safeValue` gives back: finite, acyclic, without accessors. Objects have no prototype. */
export type SafeValue = string | number | boolean | null | Uint8Array | SafeValue[] | SafeObject;
export type SafeObject = { [key: string]: SafeValue };

export interface ValueLimits {
  /** How deep objects nest before they become `[Object]`. */
  readonly depth: number;
  /** How many members and items one value may have, over all its levels. */
  readonly items: number;
  /** Longest text in UTF-16 units; all texts of one value together may have four times as many. */
  readonly stringLength: number;
  /** Keep binary data as `Uint8Array` (OTLP); otherwise it becomes base64 text. */
  readonly bytes: boolean;
}

export const valueLimits: ValueLimits = { depth: 8, items: 1000, stringLength: 65_536, bytes: false };

/** What is left for one value, shared by all its levels, and the objects that lie above the current one. */
interface Walk {
  readonly limits: ValueLimits;
  items: number;
  characters: number;
  readonly path: object[];
  /** The names above the current value. */
  readonly names: string[];
}

/**
 * `value` as plain data. BigInt gives its decimal digits, a symbol its description, a function `[Function name]`,
 * a cycle `[Circular]`, a throwing getter or proxy `[Threw: message]`, a Date its ISO text, an Error its type,
 * message and stack, a Map an object, a Set a list; `toJSON` is honoured. Members that are `undefined` are left out.
 */
export function safeValue(value: unknown, limits: ValueLimits = valueLimits): SafeValue {
  return guarded(newWalk(limits), () => value);
}

/** The same for an OTLP attribute or body: binary data stays binary. */
export function toAnyValue(value: unknown, limits: ValueLimits = valueLimits): SafeValue {
  return safeValue(value, limits.bytes ? limits : { ...limits, bytes: true });
}

/** One member of `holder`, read safely; `undefined` where it has none or it is `undefined`. */
export function safeMember(
  holder: object,
  key: string,
  limits: ValueLimits = valueLimits,
): SafeValue | undefined {
  return present(newWalk(limits), key, () => (holder as Record<string, unknown>)[key]);
}

/** A text cut at `length`, well-formed: a lone surrogate becomes U+FFFD, a pair is never cut in two. */
export function safeText(text: string, length: number = valueLimits.stringLength): string {
  if (text.length <= length) return wellFormed(text);
  const last = text.charCodeAt(length - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
  return wellFormed(text.slice(0, end));
}

function newWalk(limits: ValueLimits): Walk {
  return { limits, items: limits.items, characters: limits.stringLength * 4, path: [], names: [] };
}

/** As `guarded`, with `undefined` for what is not there. */
function present(walk: Walk, key: string, read: () => unknown): SafeValue | undefined {
  let absent = false;
  const mask = maskOf(key, walk.names);
  walk.names.push(key);
  const value = guarded(walk, () => {
    const given = read();
    absent = given === undefined;
    return mask === undefined ? given : masked(mask, given);
  });
  walk.names.pop();
  return absent ? undefined : value;
}

function guarded(walk: Walk, read: () => unknown): SafeValue {
  const depth = walk.path.length;
  const names = walk.names.length;
  try {
    return convert(walk, read());
  } catch (error) {
    walk.path.length = depth;
    walk.names.length = names;
    return takeClean(walk, `[Threw: ${messageOf(error)}]`);
  }
}

function messageOf(thrown: unknown): string {
  try {
    return String(types.isNativeError(thrown) ? thrown.message : thrown).slice(0, 200);
  } catch {
    return 'something unprintable';
  }
}

function convert(walk: Walk, value: unknown): SafeValue {
  switch (typeof value) {
    case 'string':
      return takeClean(walk, value);
    case 'number':
      return redactCard(value);
    case 'boolean':
      return value;
    case 'bigint':
      return redactText(digits(value));
    case 'symbol':
      return take(walk, value.description ?? '');
    case 'function':
      return take(walk, `[Function ${String(value.name) || 'anonymous'}]`);
    case 'object':
      return value === null ? null : convertObject(walk, value);
    default:
      return null;
  }
}

/** No key or card is longer: what lies across the cut is still known as one. */
const beyondCut = 4_096;

/** A text that is not known to be clean. */
function takeClean(walk: Walk, text: string): string {
  const most = Math.min(walk.limits.stringLength, walk.characters);
  return take(walk, redactText(text.length > most + beyondCut ? text.slice(0, most + beyondCut) : text));
}

function take(walk: Walk, text: string): string {
  const safe = safeText(text, Math.min(walk.limits.stringLength, walk.characters));
  walk.characters -= safe.length;
  return safe;
}

const largest = 2n ** 4096n;

/** The digits of a huge number cost more than linear time, so it is only named. */
function digits(value: bigint): string {
  return value < largest && value > -largest ? value.toString() : '[BigInt]';
}

function convertObject(walk: Walk, value: object): SafeValue {
  if (walk.path.includes(value)) return '[Circular]';
  const simple = leaf(walk, value);
  if (simple !== undefined) return simple;
  if (walk.path.length >= walk.limits.depth) return Array.isArray(value) ? '[Array]' : '[Object]';
  walk.path.push(value);
  const result = branch(walk, value);
  walk.path.pop();
  return result;
}

/** Objects that are one value. */
function leaf(walk: Walk, value: object): SafeValue | undefined {
  if (types.isProxy(value)) return undefined;
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (types.isRegExp(value)) return takeClean(walk, String(value));
  if (types.isPromise(value)) return '[Promise]';
  if (types.isBoxedPrimitive(value)) return convert(walk, value.valueOf());
  if (types.isAnyArrayBuffer(value)) return binary(walk, new Uint8Array(value));
  if (types.isUint8Array(value) || types.isDataView(value)) {
    return binary(walk, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  return undefined;
}

function binary(walk: Walk, bytes: Uint8Array): SafeValue {
  const most = Math.min(walk.limits.stringLength, walk.characters);
  const part = bytes.subarray(0, walk.limits.bytes ? most : Math.floor(most / 4) * 3);
  walk.characters -= part.length;
  return walk.limits.bytes ? Uint8Array.from(part) : Buffer.from(part).toString('base64');
}

function branch(walk: Walk, value: any): SafeValue {
  if (Array.isArray(value)) return list(walk, value);
  if (types.isNativeError(value) || value instanceof Error) return errorObject(walk, value);
  if (types.isMap(value)) return members(walk, mapEntries(value));
  if (types.isSet(value)) return list(walk, [...first(value, walk.items)]);
  if (types.isTypedArray(value)) return list(walk, value as unknown as ArrayLike<unknown>);
  if (typeof value.toJSON === 'function') return guarded(walk, () => value.toJSON());
  return members(walk, ownEntries(value));
}

function list(walk: Walk, items: ArrayLike<unknown>): SafeValue {
  const result: SafeValue[] = [];
  for (let i = 0; i < items.length; i++) {
    if (walk.items-- <= 0) {
      result.push(`[${items.length - i} more]`);
      break;
    }
    result.push(guarded(walk, () => items[i]));
  }
  return result;
}

type Entry = readonly [key: string, read: () => unknown];

function members(walk: Walk, entries: Iterable<Entry>): SafeObject {
  const result: SafeObject = Object.create(null);
  for (const [key, read] of entries) {
    if (walk.items-- <= 0) break;
    const value = present(walk, key, read);
    if (value !== undefined) result[takeClean(walk, key)] = value;
  }
  return result;
}

function* ownEntries(value: any): Iterable<Entry> {
  for (const key of Object.keys(value)) yield [key, () => value[key]];
}

function* mapEntries(map: Map<unknown, unknown>): Iterable<Entry> {
  for (const [key, value] of map) yield [typeof key === 'object' ? '[object]' : String(key), () => value];
}

function* first<T>(items: Iterable<T>, count: number): Iterable<T> {
  for (const item of items) {
    if (count-- <= 0) return;
    yield item;
  }
}

function errorObject(walk: Walk, error: Error): SafeObject {
  const entries: Entry[] = [
    ['type', () => String(error.name)],
    ['message', () => String(error.message)],
    ['stack', () => error.stack],
  ];
  if (error.cause !== undefined) entries.push(['cause', () => error.cause]);
  return members(walk, entries);
}
