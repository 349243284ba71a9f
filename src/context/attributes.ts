/** Attributes as they may be bound to a unit of work: what a user gives is anything, and it must not throw. */
import type { AttributeValue } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';
import type { Attributes } from './correlation.ts';

/** OpenTelemetry's default limit; a list or a buffer in the place of attributes has a name for each item. */
const mostNames = 128;

/**
 * The usable part of `given`: strings, numbers, booleans and lists of them; a bigint becomes its digits, a date
 * its ISO form. Everything else is left out, with one debug line that names it, and so
 * is what comes after the first 128 names.
 */
export function usableAttributes(given: unknown): Attributes {
  const usable: Record<string, AttributeValue> = {};
  if (typeof given !== 'object' || given === null) return usable;
  for (const key of namesOf(given)) {
    const value = usableValue(given as Record<string, unknown>, key);
    if (value !== undefined) usable[key] = value;
    else diagnostics.debug(`Attribute ${JSON.stringify(key)} is left out: it has no plain value.`);
  }
  return usable;
}

/** A Proxy may refuse even to be listed. `__proto__` as a name would change the object instead of adding to it. */
function namesOf(given: object): string[] {
  try {
    const names = Object.keys(given).slice(0, mostNames);
    return names.filter((key) => key !== '' && key !== '__proto__');
  } catch {
    return [];
  }
}

function usableValue(given: Record<string, unknown>, key: string): AttributeValue | undefined {
  try {
    const value = given[key];
    return Array.isArray(value) ? value.map(plain).filter((item) => item !== undefined) : plain(value);
  } catch {
    return undefined;
  }
}

function plain(value: unknown): string | number | boolean | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'bigint':
      return String(value);
    default:
      return value instanceof Date ? value.toISOString() : undefined;
  }
}
