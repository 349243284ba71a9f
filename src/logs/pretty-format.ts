/** A record for a person at a terminal: `10:30:00.123 INFO  shop.orders  order created  orderId=1042  trace=1234abcd`. */

import { masked as maskedValue } from '../processing/masks.ts';
import { maskOf, redactText } from '../processing/redact.ts';
import { wellFormed } from '../processing/well-formed.ts';
import { describeError, type ErrorShape, headOf } from './error-shape.ts';
import { jsonText } from './json-value.ts';
import type { LevelWord } from './levels.ts';
import type { LogRecord } from './record.ts';

type Fields = Readonly<Record<string, unknown>>;
type Paint = (code: number, text: string) => string;

/** ANSI colours: grey, cyan, green, yellow, red, magenta. */
const levelColor: Record<Uppercase<LevelWord>, number> = {
  TRACE: 90,
  DEBUG: 36,
  INFO: 32,
  WARN: 33,
  WARNING: 33,
  ERROR: 31,
  FATAL: 35,
  CRITICAL: 35,
};
const dim = 2;
const bold = 1;
const shortId = 8;
/** What one source of fields may put into a line. */
const mostFields = 1_000;

/** Lines for people, in local time, with the ids cut to 8 characters. A stack follows in lines of its own. */
export function prettyFormat(options: { readonly colors: boolean }): (record: LogRecord) => string {
  const paint: Paint = options.colors ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : (_, text) => text;
  return (record) => {
    const head = [
      paint(dim, localTime(record.time)) +
        paint(levelColor[record.level.toUpperCase() as Uppercase<LevelWord>], ` ${record.level.padEnd(5)}`),
      paint(dim, visible(record.logger)),
      paint(bold, visible(redactText(record.message))),
      ...fieldTexts(record, paint),
      ...idTexts(record, paint),
    ];
    const line = head.filter((part) => part !== '').join('  ');
    return record.error === undefined ? line : `${line}\n${errorLines(describeError(record.error), paint)}`;
  };
}

/** Control characters and what turns text around, spelt out: no data reaches the terminal as a command. */
export function visible(text: string): string {
  const shown = text.length > 16_384 ? `${text.slice(0, 16_384)}[cut ${text.length - 16_384}]` : text;
  return wellFormed(shown).replace(unseen, spell);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const unseen = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function spell(sign: string): string {
  if (sign === '\n') return '\\n';
  if (sign === '\t') return '\\t';
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function localTime(time: number): string {
  const date = new Date(time);
  const two = (part: number): string => String(part).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function fieldTexts(record: LogRecord, paint: Paint): string[] {
  const fields = mergedFields(record);
  const event = record.eventName;
  const named = event === undefined || event === record.message ? fields : { 'event.name': event, ...fields };
  return Object.keys(named).flatMap((key) => {
    const text = plainText(named[key]);
    return text === undefined ? [] : [`${paint(36, `${visible(key)}=`)}${text}`];
  });
}

/** Where a record's attributes are. */
interface FieldSources extends Pick<LogRecord, 'fields' | 'bound'> {
  readonly stamp: Partial<Pick<LogRecord['stamp'], 'attributes'>>;
}

/** The attributes of a record as one object: the call's fields win over bound ones, those over the context's. */
export function mergedFields(record: FieldSources): Fields {
  const merged: Record<string, unknown> = Object.create(null);
  for (const source of [record.stamp.attributes, record.bound, record.fields]) copyInto(merged, source);
  return merged;
}

function copyInto(merged: Record<string, unknown>, source: Fields | undefined): void {
  if (source === undefined) return;
  try {
    for (const key of Object.keys(source).slice(0, mostFields))
      merged[redactText(key)] = readClean(source, key);
  } catch {
    // A Proxy that will not be listed.
  }
}

/** Texts and what is deeper are cleaned as they are written. */
function readClean(source: Fields, key: string): unknown {
  try {
    const mask = maskOf(key, []);
    return mask === undefined ? source[key] : maskedValue(mask, source[key]);
  } catch {
    return '[unreadable]';
  }
}

/** A value in a line of words: text as it is when it is one word, everything else as JSON. */
export function plainText(value: unknown): string | undefined {
  if (typeof value !== 'string') return jsonText(value);
  const clean = redactText(value);
  return /^[^\s"'=\\]+$/.test(clean) ? visible(clean) : jsonText(value);
}

function idTexts({ stamp }: LogRecord, paint: Paint): string[] {
  const { traceId, correlationId } = stamp;
  const ids = traceId === undefined ? [] : [`trace=${visible(traceId.slice(0, shortId))}`];
  if (correlationId !== undefined && correlationId !== traceId) ids.push(`id=${visible(correlationId)}`);
  return ids.map((id) => paint(dim, id));
}

function errorLines(shape: ErrorShape, paint: Paint, indent = '    ', label = ''): string {
  const lines = [
    `${indent}${label}${paint(31, visible(headOf(shape)))}`,
    ...frameLines(shape, paint, indent),
  ];
  for (const [i, inner] of (shape.errors ?? []).entries()) {
    lines.push(errorLines(inner, paint, `${indent}  `, `[${i + 1}] `));
  }
  if (shape.cause !== undefined) lines.push(errorLines(shape.cause, paint, indent, 'caused by: '));
  return lines.join('\n');
}

/** Own frames first: those of Node and of packages follow in their order, dimmed. */
function frameLines(shape: ErrorShape, paint: Paint, indent: string): string[] {
  const frames = (shape.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const isForeign = (line: string): boolean => /node:|[\\/]node_modules[\\/]/.test(line);
  const own = frames.filter((line) => !isForeign(line));
  const foreign = frames.filter(isForeign);
  return [
    ...own.map((line) => `${indent}  ${visible(line.trim())}`),
    ...foreign.map((line) => paint(dim, `${indent}  ${visible(line.trim())}`)),
  ];
}
