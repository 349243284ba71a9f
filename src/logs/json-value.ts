/**
 * Any JavaScript value as JSON text: never throws, in bounded time, in one line. What JSON cannot say is told as a
 * string; what is too long, too deep or too much is cut and says so.
 */

import { flat } from '../flat.ts';
import type { Mask } from '../processing/masks.ts';
import { masked } from '../processing/masks.ts';
import { maskOf, needsPath, perKey, redactCard, redactText } from '../processing/redact.ts';
import { wellFormed } from '../processing/well-formed.ts';
import { bigintText } from './bigint-text.ts';
import { describeError, type ErrorShape, isError } from './error-shape.ts';

/** Code units of one string, and of all strings of one value together. */
const longestString = 65_536;
const longestTotal = 1_048_576;
/** No key or card is longer: what lies across the cut is still known as one. */
const beyondCut = 4_096;
const deepest = 16;
/** Keys and elements of one value together. */
const widest = 10_000;

type ToJson = (this: object, key: string) => unknown;

/** What one value may still spend, and the objects it is inside of. */
interface Walk {
  nodes: number;
  characters: number;
  readonly path: object[];
  /** The names above, where a rule of redaction may want them. */
  readonly names: string[];
}

// What JSON.stringify would have to escape, and what a terminal, a browser or a reader of lines would act upon.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const special = /[\u0000-\u001f"\\\u007f-\u009f\u2028\u2029\ud800-\udfff]/;
const beyondStringify = /[\u007f-\u009f\u2028\u2029]/g;

/** A string as JSON text with quotes, cut at 65,536 characters. */
export function quote(text: string): string {
  const { length } = text;
  if (length > longestString) return quoteCut(text, longestString);
  if (length > 40) return special.test(text) ? escaped(text) : `"${text}"`;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || code === 34 || code === 92 || code > 126) {
      return code > 126 && !special.test(text) ? `"${text}"` : escaped(text);
    }
  }
  return `"${text}"`;
}

/** A key: lone surrogates are spelt out, for two of them would become one replacement character. */
export function quoteKey(key: string): string {
  if (key.length > longestString) return quoteCut(key, longestString);
  return quote(key.replace(/\p{Surrogate}/gu, spell));
}

/** Any value as JSON text without its secrets; `undefined` for what JSON leaves out. `name` is what it stands under. */
export function jsonText(value: unknown, name = ''): string | undefined {
  switch (typeof value) {
    case 'string':
      return quoteClean(value);
    case 'number':
      return Number.isFinite(value) ? numberText(value) : `"${value}"`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'undefined':
      return undefined;
    case 'object':
      return value === null
        ? 'null'
        : objectText(value, { nodes: widest, characters: longestTotal, path: [], names: [name] });
    default:
      return oddText(value);
  }
}

/** A value under a secret's name. */
export function maskedText(mask: Mask, value: unknown): string | undefined {
  const shown = masked(mask, value);
  return typeof shown === 'string' ? quote(shown) : jsonText(shown);
}

/** A text that is not known to be clean. What is cut away is not read, but for what may begin before the cut. */
function quoteClean(text: string, most: number = longestString): string {
  if (text.length <= most) return quote(redactText(text));
  const clean = redactText(text.slice(0, most + beyondCut));
  return escaped(`${clean.slice(0, most)}[cut ${text.length - most}]`);
}

/** An error in a field, or a cause: its parts as an object. */
export function errorText(shape: ErrorShape): string {
  let text = `{"type":${quote(shape.type)},"message":${quote(shape.message)}`;
  if (shape.code !== undefined) text += `,"code":${jsonText(shape.code)}`;
  if (shape.stack !== undefined) text += `,"stack":${quote(shape.stack)}`;
  if (shape.cause !== undefined) text += `,"cause":${errorText(shape.cause)}`;
  if (shape.errors !== undefined) text += `,"errors":[${shape.errors.map(errorText).join(',')}]`;
  return `${text}}`;
}

function numberText(value: number): string {
  const shown = redactCard(value);
  return typeof shown === 'string' ? quote(shown) : `${shown}`;
}

function spell(surrogate: string): string {
  return `\\u${surrogate.charCodeAt(0).toString(16)}`;
}

function escaped(text: string): string {
  const json = JSON.stringify(wellFormed(text));
  // As many bytes as characters: plain ASCII, where only DEL is left to look for.
  if (Buffer.byteLength(json) === json.length && !json.includes('\u007f')) return json;
  return json.replace(beyondStringify, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function quoteCut(text: string, length: number): string {
  return escaped(`${text.slice(0, length)}[cut ${text.length - length}]`);
}

function oddText(value: unknown): string {
  try {
    if (typeof value === 'bigint') return quoteClean(bigintText(value));
    if (typeof value === 'function') return quote(`[function ${String(value.name)}]`);
    return quoteClean(String(value));
  } catch {
    return '"[unreadable]"';
  }
}

/** One value inside another, within what is left to spend. */
function innerText(value: unknown, walk: Walk): string | undefined {
  if (typeof value === 'string') {
    const most = Math.min(longestString, walk.characters);
    walk.characters -= Math.min(value.length, most);
    return quoteClean(value, most);
  }
  return typeof value === 'object' && value !== null ? objectText(value, walk) : jsonText(value);
}

function objectText(value: object, walk: Walk): string {
  if (walk.path.includes(value)) return '"[circular]"';
  if (walk.path.length >= deepest) return '"[too deep]"';
  walk.path.push(value);
  try {
    return shapeText(value, walk);
  } catch {
    return '"[unreadable]"';
  } finally {
    walk.path.pop();
  }
}

function shapeText(value: object, walk: Walk): string {
  if (Array.isArray(value)) return listText(value, value.length, walk);
  const { toJSON } = value as { toJSON?: unknown };
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  if (isPlain && toJSON === undefined) return membersText(value, walk);
  if (isError(value)) return errorText(describeError(value));
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesText(value, walk);
  if (typeof toJSON === 'function') return toJsonText(value, toJSON as ToJson, walk);
  if (value instanceof Map) return mapText(value, walk);
  if (value instanceof Set) return listText(firstOf(value, walk), value.size, walk);
  if (value instanceof RegExp || value instanceof URLSearchParams) return quoteClean(String(value));
  if (value instanceof Promise) return '"[promise]"';
  if (value instanceof String || value instanceof Number || value instanceof Boolean) {
    return innerText(value.valueOf(), walk) ?? 'null';
  }
  return membersText(value, walk);
}

function toJsonText(value: object, toJSON: ToJson, walk: Walk): string {
  let said: unknown;
  try {
    said = toJSON.call(value, '');
  } catch {
    return '"[toJSON threw]"';
  }
  if (typeof said !== 'object' || said === null) return innerText(said, walk) ?? 'null';
  if (said === value) return membersText(value, walk);
  return Array.isArray(said) ? objectText(said, walk) : saidText(said, walk);
}

/** What `toJSON` gave is final: its own `toJSON` is not asked again. */
function saidText(said: object, walk: Walk): string {
  if (walk.path.includes(said)) return '"[circular]"';
  walk.path.push(said);
  try {
    return membersText(said, walk);
  } finally {
    walk.path.pop();
  }
}

function listText(list: ArrayLike<unknown>, length: number, walk: Walk): string {
  let text = '[';
  for (let i = 0; i < length; i++) {
    if (walk.nodes-- <= 0) return `${text}${i === 0 ? '' : ','}"[${length - i} more]"]`;
    text += (i === 0 ? '' : ',') + (elementText(list, i, walk) ?? 'null');
  }
  return `${text}]`;
}

function elementText(list: ArrayLike<unknown>, i: number, walk: Walk): string | undefined {
  try {
    return innerText(list[i], walk);
  } catch {
    return '"[unreadable]"';
  }
}

function firstOf(set: Set<unknown>, walk: Walk): unknown[] {
  const first: unknown[] = [];
  for (const item of set) {
    if (first.length >= walk.nodes) break;
    first.push(item);
  }
  return first;
}

function membersText(value: object, walk: Walk): string {
  let text = '{';
  const keys = Object.keys(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (walk.nodes-- <= 0) return `${text}${text === '{' ? '' : ','}"[more]":${keys.length - i}}`;
    const member = memberText(value, key, walk);
    if (member !== undefined) text += (text === '{' ? '' : ',') + memberOf(key).text + member;
  }
  return `${text}}`;
}

interface Member {
  /** The name with its colon. */
  readonly text: string;
  readonly mask: Mask | undefined;
  readonly needsPath: boolean;
}

const memberOf: (key: string) => Member = perKey((key, mask) => ({
  text: flat(`${quoteKey(redactText(key))}:`),
  mask,
  needsPath: needsPath(key),
}));

function memberText(value: object, key: string, walk: Walk): string | undefined {
  try {
    const member = memberOf(key);
    const mask = member.needsPath ? maskOf(key, walk.names) : member.mask;
    const inner = (value as Record<string, unknown>)[key];
    if (mask !== undefined) return maskedText(mask, inner);
    if (typeof inner !== 'object') return innerText(inner, walk);
    walk.names.push(key);
    const text = innerText(inner, walk);
    walk.names.pop();
    return text;
  } catch {
    return '"[unreadable]"';
  }
}

/** A Map of strings is an object; any other is a list of pairs. */
function mapText(map: Map<unknown, unknown>, walk: Walk): string {
  const first: [unknown, unknown][] = [];
  let named = true;
  for (const pair of map) {
    if (first.length >= walk.nodes) break;
    if (typeof pair[0] !== 'string') named = false;
    first.push(pair);
  }
  if (!named || first.length < map.size) return listText(first, map.size, walk);
  const members = Object.assign(Object.create(null), Object.fromEntries(first)) as object;
  return membersText(members, walk);
}

/** Bytes are named and shown in part; lists of numbers stay lists. */
function bytesText(value: ArrayBuffer | ArrayBufferView, walk: Walk): string {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof Uint8Array)) {
    const numbers = value as unknown as ArrayLike<unknown>;
    return listText(numbers, numbers.length, walk);
  }
  const bytes = ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
  const shown = Buffer.from(bytes.subarray(0, 32)).toString('hex');
  return `"[${bytes.length} bytes] ${shown}${bytes.length > 32 ? '...' : ''}"`;
}
