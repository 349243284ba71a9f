/**
 * A record as one line of JSON (A22). Written by concatenation: what returns with every record (the level, the
 * logger's name, keys, the ids of a span, bound attributes) is escaped once and kept.
 */
import type { Attributes, Stamp } from '../context/correlation.ts';
import { diagnostics } from '../diagnostics.ts';
import { flat } from '../flat.ts';
import type { Mask } from '../processing/masks.ts';
import { maskOf, needsPath, perKey, redactText } from '../processing/redact.ts';
import { describeError, type ErrorShape, stackText } from './error-shape.ts';
import { fingerprintOf } from './fingerprint.ts';
import { errorText, jsonText, maskedText, quote, quoteKey } from './json-value.ts';
import type { LogRecord } from './record.ts';
import { releaseWriter } from './release.ts';
import { isoTime } from './time.ts';

/** A record as text for one line, without its end. Must not throw, must not contain a line break. */
export type Format = (record: LogRecord) => string;

export interface JsonFormatOptions {
  /** Whether `request_id` is a field of every line (`SONDE_LOG_REQUEST_ID`). Off by default. */
  readonly requestId?: boolean;
  /** Resource names for every line (`service.name`, ...). None by default. */
  readonly resource?: Attributes;
  /** Whether an error's line has `error.breadcrumbs` (`SONDE_BREADCRUMBS=on`). Off by default. */
  readonly breadcrumbs?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a name is in every line. */
interface Part {
  /** With a comma before and a colon behind. */
  readonly text: string;
  readonly mask: Mask | undefined;
  /** Whether the mask depends on where the name stands. */
  readonly byPath: boolean;
}

/** What a name is in the line; `undefined` where its value stands elsewhere. */
export type OutName = (key: string) => string | undefined;

const fixedNames = [
  'timestamp',
  'level',
  'logger',
  'message',
  'trace_id',
  'span_id',
  'trace_flags',
  'correlation_id',
];
/** What one source of fields may put into a line; each value has limits of its own. */
const mostFields = 1_000;
const mostText = 1_048_576;

/**
 * The line of design section 5: fixed names first, then bound context attributes, bound fields and the call's
 * fields, flat. No name appears twice: the later wins, and one that would forge a fixed name or `error.*` is written
 * as `attributes.<name>`.
 */
export function jsonFormat(options: JsonFormatOptions = {}): Format {
  const resource = options.resource ?? {};
  const fixed = [...fixedNames, ...(options.requestId ? ['request_id'] : []), ...Object.keys(resource)];
  const headPart = headWriter();
  const idsPart = lastIds(options.requestId === true);
  const resourcePart = membersWriter(sameName)(resource);
  const dataPart = dataWriter(reserving(fixed), 'event.name');
  const releasePart = releaseWriter(resource, membersWriter(sameName));

  return (record) => {
    const text = `{"timestamp":"${isoTime(record.time)}${headPart(record)}${quote(redactText(record.message))}${idsPart(record.stamp)}${resourcePart}${dataPart(record)}`;
    return record.error === undefined
      ? `${text}}`
      : `${text}${releasePart(record)}${errorPart(record)}${options.breadcrumbs ? trailPart(record) : ''}}`;
  };
}

/**
 * What writes a record's own data, each member with a comma before it: the event's name, bound context attributes,
 * bound fields, the call's fields; of one name the last. Kept for as long as the same objects return.
 *
 * @param eventKey under which name an event's own stands; `undefined` where the line tells it elsewhere
 */
export function dataWriter(outName: OutName, eventKey: string | undefined): (record: LogRecord) => string {
  const keyPart = partOf(outName);
  const boundPart = lastMembers(keyPart);
  const attributesPart = lastMembers(keyPart);
  /** Events are rarer than lines: their name is one more fixed one. */
  const eventKeyPart = partOf((key) => (key === eventKey ? `attributes.${key}` : outName(key)));

  function eventPart({ bound, fields, eventName, stamp }: LogRecord): string {
    let text = `,"${eventKey}":${quote(redactText(eventName ?? ''))}`;
    if (stamp.attributes !== undefined) text += membersOf(stamp.attributes, eventKeyPart, bound, fields);
    if (bound !== undefined) text += membersOf(bound, eventKeyPart, fields);
    return fields === undefined ? text : text + membersOf(fields, eventKeyPart);
  }

  return (record) => {
    const { bound, fields } = record;
    const { attributes } = record.stamp;
    if (record.eventName !== undefined && eventKey !== undefined) return eventPart(record);
    let text = '';
    if (attributes !== undefined) {
      const alone = !sharesName(attributes, bound) && !sharesName(attributes, fields);
      text += alone ? attributesPart(attributes) : membersOf(attributes, keyPart, bound, fields);
    }
    if (bound !== undefined) {
      text += sharesName(bound, fields) ? membersOf(bound, keyPart, fields) : boundPart(bound);
    }
    return fields === undefined ? text : text + membersOf(fields, keyPart);
  };
}

/**
 * Lets nobody forge a name of the line: one that is `fixed`, or begins with `error.`, is written as
 * `attributes.<name>`. One to one, so that two names never become one: what already looks moved is moved once more.
 */
export function reserving(fixed: Iterable<string>): (key: string) => string {
  const names = new Set([...fixed, 'attributes.event.name']);
  const isTaken = (key: string): boolean => {
    if (names.has(key) || key.startsWith('error.')) return true;
    return key.startsWith('attributes.') && isTaken(key.slice('attributes.'.length));
  };
  return (key) => (isTaken(key) ? `attributes.${key}` : key);
}

/** What writes fields as members, each with a comma before it and its secrets masked. */
export function membersWriter(outName: OutName): (fields: Fields) => string {
  const keyPart = partOf(outName);
  return (fields) => membersOf(fields, keyPart);
}

/** Names as they are. */
export const sameName: OutName = (key) => key;

/** The keys `error.*` of one line; the stack holds those of all causes. */
function errorPart({ error, seen }: LogRecord): string {
  const shape = describeError(error);
  const stack = stackText(shape);
  let text = `,"error.type":${quote(shape.type)},"error.message":${quote(shape.message)}`;
  if (shape.code !== undefined) text += `,"error.code":${jsonText(shape.code)}`;
  text += `,"error.fingerprint":"${fingerprintOf(error)}"`;
  if (seen === true) text += ',"error.seen":true';
  if (stack !== undefined) text += `,"error.stack":${stackQuoted(stack)}`;
  if (shape.cause !== undefined) text += `,"error.cause":${errorText(withoutStacks(shape.cause))}`;
  if (shape.errors !== undefined) {
    text += `,"error.errors":[${shape.errors.map((inner) => errorText(withoutStacks(inner))).join(',')}]`;
  }
  return text;
}

function trailPart({ breadcrumbs }: LogRecord): string {
  const lines = breadcrumbs?.() ?? [];
  return lines.length === 0 ? '' : `,"error.breadcrumbs":[${lines.map(quote).join(',')}]`;
}

function withoutStacks(shape: ErrorShape): ErrorShape {
  return {
    ...shape,
    stack: undefined,
    cause: shape.cause === undefined ? undefined : withoutStacks(shape.cause),
    errors: shape.errors?.map(withoutStacks),
  };
}

function partOf(nameOf: OutName): (key: string) => Part {
  return perKey((key, mask) => {
    const name = nameOf(redactText(key));
    if (name === undefined) return elsewhere;
    return { text: flat(`,${quoteKey(name)}:`), mask, byPath: needsPath(key) };
  });
}

const elsewhere: Part = { text: '', mask: undefined, byPath: false };

/** The members of `fields` but those that a later object names too. */
function membersOf(fields: Fields, keyPart: (key: string) => Part, a?: Fields, b?: Fields): string {
  let text = '';
  let left = mostFields;
  try {
    for (const key of Object.keys(fields)) {
      if (left-- <= 0 || text.length > mostText) return cut(text);
      if ((a !== undefined && has(a, key)) || (b !== undefined && has(b, key))) continue;
      const part = keyPart(key);
      if (part === elsewhere) continue;
      const value = memberText(fields, key, part);
      if (value !== undefined) text += part.text + value;
    }
  } catch {
    // A Proxy that will not be listed: the rest of the line is whole.
  }
  return text;
}

function cut(text: string): string {
  diagnostics.count('logs.cut_lines');
  return text;
}

function memberText(fields: Fields, key: string, { mask, byPath }: Part): string | undefined {
  try {
    const hides = byPath ? maskOf(key, []) : mask;
    return hides === undefined ? jsonText(fields[key], key) : maskedText(hides, fields[key]);
  } catch {
    return '"[unreadable]"';
  }
}

function sharesName(fields: Fields, other: Fields | undefined): boolean {
  if (other === undefined) return false;
  try {
    for (const key of Object.keys(other)) if (Object.hasOwn(fields, key)) return true;
    return false;
  } catch {
    return true;
  }
}

function has(fields: Fields, key: string): boolean {
  try {
    return Object.hasOwn(fields, key) && fields[key] !== undefined;
  } catch {
    return false;
  }
}

/** Names come from code, so there are few; whoever makes them from data pays for it alone. */
const mostKept = 2_000;

/** What stands between the time and the message. */
function headWriter(): (record: LogRecord) => string {
  const memory = new Map<string, Map<string, string>>();
  return ({ level, logger }) => {
    let heads = memory.get(logger);
    if (heads === undefined) {
      if (memory.size >= mostKept) memory.clear();
      heads = new Map();
      memory.set(logger, heads);
    }
    let head = heads.get(level);
    if (head === undefined) {
      head = flat(`","level":"${level}","logger":${quote(logger)},"message":`);
      heads.set(level, head);
    }
    return head;
  };
}

/** What one text may keep of the memory. */
const longestStack = 65_536;
let lastStack = '';
let lastStackQuoted = '""';

/** The stack of an error is most of its line, and errors come in runs of one kind. */
function stackQuoted(stack: string): string {
  if (stack === lastStack) return lastStackQuoted;
  const quoted = flat(quote(stack));
  if (stack.length > longestStack) return quoted;
  lastStack = stack;
  lastStackQuoted = quoted;
  return quoted;
}

/**
 * Records come in runs of one span: the text of its ids is kept until another one speaks, and put together when it
 * returns. Many a request has the one line of its access record.
 */
function lastIds(requestId: boolean): (stamp: Stamp) => string {
  let last: Stamp | undefined;
  let text = '';
  let isFlat = false;
  return (stamp) => {
    if (
      last !== undefined &&
      last.spanId === stamp.spanId &&
      last.traceId === stamp.traceId &&
      last.correlationId === stamp.correlationId &&
      last.requestId === stamp.requestId &&
      last.traceFlags === stamp.traceFlags
    ) {
      if (!isFlat) flat(text);
      isFlat = true;
      return text;
    }
    last = stamp;
    text = idsText(stamp, requestId);
    isFlat = false;
    return text;
  };
}

/** The ids of a moment as members, each with a comma before it. */
export function idsText(stamp: Stamp, requestId = false): string {
  let text = '';
  if (stamp.traceId !== undefined) {
    text = `,"trace_id":${quote(stamp.traceId)},"span_id":${quote(stamp.spanId ?? '')},"trace_flags":"${flagsText(stamp.traceFlags)}"`;
  }
  if (stamp.correlationId !== undefined) text += `,"correlation_id":${quote(stamp.correlationId)}`;
  if (requestId && stamp.requestId !== undefined) text += `,"request_id":${quote(stamp.requestId)}`;
  return text;
}

function flagsText(traceFlags: number): string {
  const flags = traceFlags & 255;
  return flags < 2 ? (flags === 0 ? '00' : '01') : flags.toString(16).padStart(2, '0');
}

/** Bound objects are never changed in place and return with every record of their logger or request. */
function lastMembers(keyPart: (key: string) => Part): (fields: Fields) => string {
  const memory = new WeakMap<Fields, string>();
  let last: Fields | undefined;
  let text = '';
  return (fields) => {
    if (fields === last) return text;
    let made = memory.get(fields);
    if (made === undefined) {
      made = flat(membersOf(fields, keyPart));
      if (!isPlain(fields)) return made;
      memory.set(fields, made);
    }
    last = fields;
    text = made;
    return made;
  };
}

function isPlain(fields: Fields): boolean {
  try {
    return Object.values(fields).every((value) => Object(value) !== value);
  } catch {
    return false;
  }
}
