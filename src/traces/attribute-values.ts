/** What may stand as an attribute's value on a span: OpenTelemetry's AnyValue, within limits, as a copy of its own. */
import type { AttributeValue } from '@opentelemetry/api';

/** A list or an object inside a list or an object, and so on. */
const deepest = 32;

/**
 * The value as it is kept: texts and bytes cut at `longest`, lists and objects copied, what is undefined in them left
 * out. `undefined` for what is no value. Never throws.
 */
export function keptValue(value: unknown, longest: number): AttributeValue | undefined {
  switch (typeof value) {
    case 'string':
      return value.length <= longest ? value : value.slice(0, longest);
    case 'number':
    case 'boolean':
      return value;
    case 'object':
      return keptObject(value, longest);
    default:
      return undefined;
  }
}

/** The same for what an event may say: plain values, and lists of one kind of them. */
export function keptPlain(value: unknown, longest: number): AttributeValue | undefined {
  if (typeof value !== 'object') return keptValue(value, longest);
  return isPlainList(value) ? keptObject(value, longest) : undefined;
}

function isPlainList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const kinds = new Set(
    value.filter((item) => item !== undefined && item !== null).map((item) => typeof item),
  );
  return kinds.size === 0 || (kinds.size === 1 && /string|number|boolean/.test([...kinds][0] as string));
}

function keptObject(value: object | null, longest: number): AttributeValue | undefined {
  try {
    return copied(value, longest, []) as AttributeValue;
  } catch {
    // A getter that throws, a cycle, or what no exporter could tell.
    return undefined;
  }
}

function copied(value: unknown, longest: number, path: readonly object[]): unknown {
  if (typeof value !== 'object' || value === null) return copiedLeaf(value, longest);
  if (value instanceof Uint8Array) return value.length <= longest ? value : value.slice(0, longest);
  if (path.includes(value) || path.length >= deepest) throw new TypeError('A value holds itself.');
  const here = [...path, value];
  if (Array.isArray(value)) return value.map((item) => copied(item, longest, here));
  const { constructor: made } = value;
  if (made !== Object && made !== undefined) throw new TypeError('No plain object.');
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, copied(member, longest, here)]));
}

function copiedLeaf(value: unknown, longest: number): unknown {
  if (value === null || value === undefined) return value;
  const kept = keptValue(value, longest);
  if (kept === undefined) throw new TypeError('No value.');
  return kept;
}
