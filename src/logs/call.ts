/** What a logging call means: every shape in which people hand over a message, fields and an error. */
import { format } from 'node:util';
import { diagnostics } from '../diagnostics.ts';
import { masked } from '../processing/masks.ts';
import { maskOf } from '../processing/redact.ts';
import { bigintText, isHuge } from './bigint-text.ts';
import { describeError, isError } from './error-shape.ts';
import { jsonText } from './json-value.ts';

/** Fields of one call: any names, any values. */
export type Fields = Readonly<Record<string, unknown>>;

/** A call, understood. */
export interface Call {
  message: string;
  fields: Fields | undefined;
  error: unknown;
}

/** A directive of `util.format`; `%%` is text. */
const directive = /%[sdifjoOc%]/g;
/** One that takes objects, so that fields after such a message are a value to print. */
const objectDirective = /%[joO](?![A-Za-z])/;
const valueDirective = /%[sdifjoO](?![A-Za-z])/;
const placeholder = /\{([A-Za-z_$][\w$.-]*)\}/g;
/** Python's keywords, and the names under which an error comes among the fields (A71). */
const errorNames = ['err', 'error', 'exc_info'] as const;

/**
 * Understands `(msg)`, `(msg, fields)`, `(msg, err)`, `(msg, err, fields)`, `(err)`, `(err, msg)`,
 * `(err, msg, fields)`, `(fields, msg)`, `({ err }, msg)`, printf arguments, templates and lazily built values.
 * `bound` serves templates too.
 */
export function understand(args: readonly unknown[], bound: Fields | undefined): Call {
  const first = args[0];
  if (typeof first === 'string') return withMessage(first, args, 1, undefined, undefined, bound);
  if (typeof first === 'function') return understand(built(first as () => unknown), bound);
  if (isError(first)) return afterError(first, args, bound);
  if (isFields(first)) return afterFields(first, args, bound);
  return { message: formatted('', args).trimStart(), fields: undefined, error: undefined };
}

/** A message, an error, fields and some values: what is longer is no call but a list, perhaps one without end. */
const mostParts = 64;
const mostKeys = 1_000;

/** Runs what the caller wanted to build only for a record that is really made. */
function built(make: () => unknown): readonly unknown[] {
  const made = call(make);
  return Array.isArray(made) ? made.slice(0, mostParts).filter((part) => typeof part !== 'function') : [made];
}

function call(make: () => unknown): unknown {
  try {
    const made = make();
    return typeof made === 'function' ? undefined : made;
  } catch (error) {
    diagnostics.count('logs.lazy_errors');
    const { type, message } = describeError(error);
    diagnostics.warnOnce(
      'logs.lazy',
      'SONDE_ERR_LOGGER',
      `A function given to a logger threw ${type}: ${message}.`,
    );
    return undefined;
  }
}

function afterError(error: Error, args: readonly unknown[], bound: Fields | undefined): Call {
  if (typeof args[1] === 'string') return withMessage(args[1], args, 2, error, undefined, bound);
  const fields = fieldsOf(args[1]);
  return completed('', error, fields, bound);
}

function afterFields(fields: Fields, args: readonly unknown[], bound: Fields | undefined): Call {
  if (typeof args[1] === 'string') return withMessage(args[1], args, 2, undefined, fields, bound);
  return completed('', isError(args[1]) ? args[1] : undefined, fields, bound);
}

/** What follows a message: values for printf, then an error, then fields, each of them or none. */
function withMessage(
  message: string,
  args: readonly unknown[],
  at: number,
  error: unknown,
  fields: Fields | undefined,
  bound: Fields | undefined,
): Call {
  if (args.length === at) return completed(message, error, fields, bound);
  const next = args[at];
  if (isValue(next, message)) return printed(message, args.slice(at), error, fields, bound);
  let found = error;
  let given = fields;
  for (let i = at; i < args.length; i++) {
    const argument = args[i];
    if (isError(argument)) found ??= argument;
    else given = joined(given, fieldsOf(argument));
  }
  const text =
    found !== undefined && message.includes('%s') ? message.replace('%s', () => textOf(found)) : message;
  return completed(text, found, given, bound);
}

function printed(
  message: string,
  values: readonly unknown[],
  error: unknown,
  fields: Fields | undefined,
  bound: Fields | undefined,
): Call {
  const wanted = (message.match(directive) ?? []).filter((sign) => sign !== '%%').length;
  const rest = [...values];
  let found = error;
  let given = fields;
  while (rest.length > wanted) {
    const last = rest.at(-1);
    if (isError(last)) found ??= last;
    else if (isFields(last)) given = joined(fieldsOf(last), given);
    else break;
    rest.pop();
  }
  found ??= rest.find(isError);
  return completed(formatted(message, rest), found, given, bound);
}

/**
 * A message with its values by printf's rules. `util.format` runs code of the values it prints, so it may throw; and
 * its `%j` writes out whatever there is.
 */
export function formatted(message: string, values: readonly unknown[]): string {
  const printable: unknown[] = [];
  let at = -1;
  const toPlain = (): string =>
    message.replace(directive, (sign) => {
      if (sign !== '%%') at++;
      if (at >= printable.length) return sign;
      if (isNumeric(sign) && isStructure(printable[at])) printable[at] = Number.NaN;
      if (sign !== '%j') return sign;
      printable[at] = jsonText(printable[at]);
      return '%s';
    });
  try {
    for (const value of values) printable.push(bounded(value));
    return format(toPlain(), ...printable);
  } catch {
    return message;
  }
}

function isNumeric(sign: string): boolean {
  return sign === '%d' || sign === '%i' || sign === '%f';
}

function isStructure(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date);
}

/** `util.format` writes all digits of a BigInt and every key of an object. */
function bounded(value: unknown): unknown {
  if (typeof value === 'bigint') return isHuge(value) ? bigintText(value) : value;
  if (isError(value)) return textOf(value);
  return isFields(value) && Object.keys(value).length > mostKeys ? textOf(value) : value;
}

/** Takes the error out of the fields, opens a lone `extra`, fills the template, and finds words for an error alone. */
function completed(
  message: string,
  error: unknown,
  fields: Fields | undefined,
  bound: Fields | undefined,
): Call {
  const call: Call = { message, fields, error };
  if (fields !== undefined) takeKeywords(call, fields);
  if (message === '' && call.error !== undefined) call.message = describeError(call.error).message;
  else if (message.includes('{')) call.message = filled(message, call.fields, bound);
  return call;
}

function takeKeywords(call: Call, fields: Fields): void {
  try {
    const { err, error, exc_info, extra, stack_info } = fields;
    if (
      err === undefined &&
      error === undefined &&
      exc_info === undefined &&
      extra === undefined &&
      stack_info === undefined
    ) {
      return;
    }
    const { left, found } = withoutKeywords(fields);
    call.error ??= found;
    if (stack_info === true) left['code.stacktrace'] = callStack();
    call.fields = left;
  } catch {
    // A getter or a Proxy that throws: the writers tell what they can of it.
  }
}

function withoutKeywords(fields: Fields): { left: Record<string, unknown>; found: unknown } {
  const left: Record<string, unknown> = { ...fields };
  let found: unknown;
  for (const name of errorNames) {
    const value = left[name];
    const taken = isError(value) || (name === 'err' && value !== undefined && value !== null);
    if (taken && found === undefined) found = value;
    if (taken || (name === 'exc_info' && typeof value === 'boolean')) delete left[name];
  }
  if (typeof left.stack_info === 'boolean') delete left.stack_info;
  if (typeof left.stacklevel === 'number') delete left.stacklevel;
  const names = Object.keys(left);
  const { extra } = left;
  return { left: names.length === 1 && isFields(extra) ? { ...extra } : left, found };
}

/** The stack of the logging call, without Sonde's own frames. */
export function callStack(): string {
  const holder: { stack?: string } = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = stackTraceLimit + framesOfOurs;
  Error.captureStackTrace(holder, callStack);
  Error.stackTraceLimit = stackTraceLimit;
  const lines = String(holder.stack).split('\n').slice(1);
  const own = lines.findLastIndex((line) => ownFrame.test(line));
  return lines.slice(own + 1).join('\n');
}

const framesOfOurs = 10;
// A name of this file's call chain, in whatever bundle it ends up.
const ownFrame = /\b(?:SondeLogger|understand|sondeLogMethod)\b/;

function filled(message: string, fields: Fields | undefined, bound: Fields | undefined): string {
  if (fields === undefined && bound === undefined) return message;
  return message.replace(placeholder, (whole, name: string) => {
    const value = lookUp(name, fields) ?? lookUp(name, bound);
    if (value === undefined) return whole;
    const mask = maskOf(name, []);
    return textOf(mask === undefined ? value : masked(mask, value));
  });
}

function lookUp(name: string, fields: Fields | undefined): unknown {
  if (fields === undefined) return undefined;
  try {
    if (Object.hasOwn(fields, name)) return fields[name];
    let value: unknown = fields;
    for (const part of name.split('.')) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
      value = (value as Fields)[part];
    }
    return value;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  if (isError(value)) {
    const { type, message } = describeError(value);
    return `${type}: ${message}`;
  }
  return typeof value === 'string' ? value : (jsonText(value)?.replace(/^"(.*)"$/, '$1') ?? String(value));
}

/** Fields given as the last thing: an object, or a function that builds it. */
function fieldsOf(value: unknown): Fields | undefined {
  const given = typeof value === 'function' ? call(value as () => unknown) : value;
  if (given === undefined || given === null) return undefined;
  return isFields(given) ? given : { value: given };
}

function joined(a: Fields | undefined, b: Fields | undefined): Fields | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { ...a, ...b };
}

/** Whether this can stand for fields: an object that is no list and no bytes. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !isList(value) && !ArrayBuffer.isView(value);
}

function isList(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Whether printf begins here: with a primitive or a list, or with an object for a directive that prints objects. */
function isValue(value: unknown, message: string): boolean {
  if (value === undefined || value === null) return valueDirective.test(message);
  if (isFields(value)) return !isError(value) && objectDirective.test(message);
  return typeof value !== 'function';
}
