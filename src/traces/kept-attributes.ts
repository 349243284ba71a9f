/** Attributes as they came, made ready to be kept. */
import type { Attributes, AttributeValue } from '@opentelemetry/api';

export interface KeptAttributes {
  readonly attributes: Attributes;
  /** How many were left out: too many, or no attributes. */
  readonly droppedAttributesCount: number;
}

/** `keptValue` or `keptPlain`. */
type Keep = (value: unknown, longest: number) => AttributeValue | undefined;

/** `__proto__` as a name would change the object instead of adding to it. */
export function isName(key: unknown): key is string {
  return typeof key === 'string' && key !== '' && key !== '__proto__';
}

/** The usable part of `given` as an object of its own, with at most `most` names. Never throws. */
export function keptAttributes(given: unknown, most: number, longest: number, keep: Keep): KeptAttributes {
  const attributes: Attributes = {};
  if (typeof given !== 'object' || given === null) return { attributes, droppedAttributesCount: 0 };
  let left = most;
  let droppedAttributesCount = 0;
  for (const key of namesOf(given)) {
    const value = read(given, key);
    if (value === undefined) continue;
    const kept = left > 0 && isName(key) ? keep(value, longest) : undefined;
    if (kept === undefined) droppedAttributesCount++;
    else {
      attributes[key] = kept;
      left--;
    }
  }
  return { attributes, droppedAttributesCount };
}

function namesOf(given: object): readonly string[] {
  try {
    return Object.keys(given);
  } catch {
    return [];
  }
}

/** What cannot be read is none: a symbol is no value either. */
function read(given: object, key: string): unknown {
  try {
    return (given as Record<string, unknown>)[key];
  } catch {
    return Symbol.iterator;
  }
}
