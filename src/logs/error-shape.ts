/** What was thrown, as plain data without secrets: JavaScript throws anything, and anything may lie, loop or throw again (A33). */
import { types } from 'node:util';
import { safeValue } from '../processing/limits.ts';
import { redactStack, redactText } from '../processing/redact.ts';
import { bigintText } from './bigint-text.ts';

/** One link of what was thrown. */
export interface ErrorShape {
  /** The class: `TypeError`, `PaymentRefused`; for a thrown value that is no Error its kind: `string`. */
  readonly type: string;
  readonly message: string;
  /** `error.code`, e.g. `ECONNREFUSED`. */
  readonly code?: string | number;
  readonly stack?: string;
  readonly cause?: ErrorShape;
  /** The errors of an AggregateError, the first 20. */
  readonly errors?: readonly ErrorShape[];
}

const longestChain = 10;
const widestAggregate = 20;
const longestObject = 1_000;

/** Whether this is an error of any realm. */
export function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return types.isNativeError(value) || value instanceof Error;
  } catch {
    return false;
  }
}

/** Never throws; chains and circles end. */
export function describeError(thrown: unknown): ErrorShape {
  return describe(thrown, []);
}

/** The stack of the error and of each of its causes, one under the other, as Node prints them. */
export function stackText(shape: ErrorShape): string | undefined {
  let text = shape.stack;
  for (const [i, inner] of (shape.errors ?? []).entries()) {
    text = `${text ?? ''}\n[${i + 1} of ${shape.errors?.length}] ${stackText(inner) ?? headOf(inner)}`;
  }
  if (shape.cause === undefined) return text;
  return `${text ?? headOf(shape)}\ncaused by: ${stackText(shape.cause) ?? headOf(shape.cause)}`;
}

/** `TypeError: x is not a function`. */
export function headOf(shape: ErrorShape): string {
  return shape.message === '' ? shape.type : `${shape.type}: ${shape.message}`;
}

function describe(thrown: unknown, seen: readonly unknown[]): ErrorShape {
  if (typeof thrown !== 'object' || thrown === null)
    return { type: kindOfThrown(thrown), message: redactText(text(thrown)) };
  const type = typeOf(thrown);
  const message = isError(thrown) ? text(memberOf(thrown, 'message') ?? '') : textOfObject(thrown);
  const code = memberOf(thrown, 'code');
  const stack = memberOf(thrown, 'stack');
  const cause = memberOf(thrown, 'cause');
  const errors = memberOf(thrown, 'errors');
  const path = [...seen, thrown];
  return {
    type,
    message: redactText(message),
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    stack: typeof stack === 'string' ? redactStack(stack) : undefined,
    cause: cause === undefined || cause === null ? undefined : inner(cause, path),
    errors: isError(thrown) && isArray(errors) ? listOf(errors, path) : undefined,
  };
}

function inner(thrown: unknown, seen: readonly unknown[]): ErrorShape {
  if (seen.includes(thrown)) return { type: 'circular', message: 'an error that is already in this chain' };
  if (seen.length >= longestChain) return { type: 'cut', message: 'the chain of causes goes on' };
  return describe(thrown, seen);
}

function listOf(errors: readonly unknown[], seen: readonly unknown[]): ErrorShape[] {
  const first: ErrorShape[] = [];
  const count = Math.min(errors.length, seen.length > 2 ? 1 : widestAggregate);
  for (let i = 0; i < count; i++) first.push(inner(memberOf(errors, i), seen));
  return first;
}

/** The class is the better name, unless it is the plain one and somebody named the object. */
function typeOf(thrown: object): string {
  const { name } = (memberOf(thrown, 'constructor') ?? {}) as { name?: unknown };
  const own = memberOf(thrown, 'name');
  const vague = typeof name !== 'string' || name === '' || name === 'Error' || name === 'DOMException';
  if (vague && isError(thrown) && typeof own === 'string' && own !== '') return own;
  return typeof name === 'string' && name !== '' ? name : 'Object';
}

/** The error and its causes, outermost first; circles end. A thrown text or number is none. */
export function causesOf(thrown: unknown): object[] {
  const links: object[] = [];
  let at = thrown;
  while (typeof at === 'object' && at !== null && links.length < longestChain && !links.includes(at)) {
    links.push(at);
    at = memberOf(at, 'cause');
  }
  return links;
}

/** The class of a thrown object, the kind of anything else: `TypeError`, `string`, `null`. */
export function kindOfThrown(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null) return typeOf(thrown);
  return thrown === null ? 'null' : typeof thrown;
}

function textOfObject(thrown: object): string {
  const message = memberOf(thrown, 'message');
  if (typeof message === 'string') return message;
  const said = isArray(thrown) || ArrayBuffer.isView(thrown) ? '[object list]' : text(thrown);
  return said.startsWith('[object ') ? (jsonOf(thrown) ?? `a thrown ${typeOf(thrown)}`) : said;
}

/** Who throws a plain object says with it what went wrong. */
function jsonOf(thrown: object): string | undefined {
  try {
    const json = JSON.stringify(safeValue(thrown));
    return json === undefined || json === '{}' ? undefined : json.slice(0, longestObject);
  } catch {
    return undefined;
  }
}

function text(value: unknown): string {
  try {
    return typeof value === 'bigint' ? bigintText(value) : String(value);
  } catch {
    return 'a value without text';
  }
}

function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** A member that may be a getter which throws: `undefined` then. */
export function memberOf(from: object, key: string | number): unknown {
  try {
    return (from as Record<string | number, unknown>)[key];
  } catch {
    return undefined;
  }
}
