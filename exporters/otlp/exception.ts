/** What was thrown, as the attributes of the semantic conventions. */
import { types } from 'node:util';
import { type SafeObject, safeMember, safeText, safeValue } from '../../src/processing/limits.ts';

const deepest = 8;
const widest = 10;

/**
 * `exception.type`, `exception.message` and, for errors, `exception.stacktrace`: the stack, then each cause and each
 * error of an AggregateError below it, every one once. Takes whatever was thrown and never throws itself.
 */
export function exceptionAttributes(thrown: unknown, length: number): SafeObject {
  if (!isErrorLike(thrown)) {
    return { 'exception.type': kindOf(thrown), 'exception.message': textOf(thrown, length) };
  }
  return {
    'exception.type': safeText(typeOf(thrown), length),
    'exception.message': safeText(member(thrown, 'message'), length),
    'exception.stacktrace': safeText(stackText(thrown), length),
  };
}

function isErrorLike(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (types.isNativeError(value)) return true;
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

function textOf(value: unknown, length: number): string {
  const safe = safeValue(value);
  return safeText(typeof safe === 'string' ? safe : (JSON.stringify(safe) ?? ''), length);
}

function member(error: object, key: string): string {
  const value = safeMember(error, key);
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** The most telling name: a class that forgot to set `name` is still known by its constructor. */
function typeOf(error: object): string {
  const name = member(error, 'name');
  if (name !== '' && name !== 'Error') return name;
  try {
    return String(error.constructor?.name || name || 'Error');
  } catch {
    return 'Error';
  }
}

function stackText(error: object): string {
  const parts: string[] = [];
  describe(error, '', new Set(), parts);
  return parts.join('\n');
}

function describe(thrown: unknown, lead: string, seen: Set<unknown>, parts: string[]): void {
  if (seen.has(thrown) || seen.size >= deepest * widest) return;
  if (!isErrorLike(thrown)) {
    parts.push(`${lead}${textOf(thrown, 1000)}`);
    return;
  }
  seen.add(thrown);
  const stack = member(thrown, 'stack') || `${typeOf(thrown)}: ${member(thrown, 'message')}`;
  parts.push(`${lead}${stack}`);
  for (const [i, inner] of aggregated(thrown).entries()) describe(inner, `Error ${i}: `, seen, parts);
  const cause = read(thrown, 'cause');
  if (cause !== undefined) describe(cause, 'Caused by: ', seen, parts);
}

function aggregated(error: object): readonly unknown[] {
  const errors = read(error, 'errors');
  try {
    return Array.isArray(errors) ? errors.slice(0, widest) : [];
  } catch {
    return [];
  }
}

function read(holder: object, key: string): unknown {
  try {
    return (holder as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
