/** Reads and writes whatever people hang a context on: header objects, `Map`, `Headers`, message properties. */
import { shared } from '../slot.ts';

interface MapLike {
  get(name: string): unknown;
  set(name: string, value: string): unknown;
  keys(): Iterable<string>;
}

function isMapLike(carrier: object): carrier is MapLike {
  const like = carrier as Partial<MapLike>;
  return [like.get, like.set, like.keys].every((method) => typeof method === 'function');
}

function namesOf(carrier: object): Iterable<string> {
  return isMapLike(carrier) ? carrier.keys() : Object.keys(carrier);
}

/** The spelling under which `carrier` already has `name`; header names have no case. */
function spellingOf(carrier: object, name: string): string | undefined {
  const lower = name.toLowerCase();
  for (const own of namesOf(carrier)) {
    if (typeof own === 'string' && own.toLowerCase() === lower) return own;
  }
  return undefined;
}

/** The text under `name`, whatever its case; several values are joined by commas. Never throws. */
export function readCarrier(carrier: unknown, name: string): string | undefined {
  if (typeof carrier !== 'object' || carrier === null) return undefined;
  try {
    const own = spellingOf(carrier, name);
    if (own === undefined) return undefined;
    return textOf(isMapLike(carrier) ? carrier.get(own) : (carrier as Record<string, unknown>)[own]);
  } catch {
    return undefined;
  }
}

/** AMQP and Kafka clients hand out header values as bytes. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map((item) => textOf(item) ?? '').join(',');
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : undefined;
}

/** Writes `value`, over an older one in whatever case. Never throws: a frozen carrier stays as it is. */
export function writeCarrier(carrier: object, name: string, value: string): void {
  try {
    const own = spellingOf(carrier, name) ?? name;
    if (isMapLike(carrier)) carrier.set(own, value);
    else (carrier as Record<string, unknown>)[own] = value;
  } catch {
    // A carrier that cannot be written carries nothing; its message goes out all the same.
  }
}

const kept = shared('carriers', () => new WeakMap<object, object>());

/** Remembers where the context of `message` is, so that `extract(message, fn)` finds it. */
export function keepCarrier(message: unknown, carrier: unknown): void {
  if (isObject(message) && isObject(carrier)) kept.set(message, carrier);
}

/** What holds the context of `message`: what was kept for it, else its headers, else the message itself. */
export function carrierOf(message: unknown): unknown {
  if (!isObject(message)) return message;
  return kept.get(message) ?? headersOf(message) ?? message;
}

function headersOf(message: object): object | undefined {
  try {
    const { headers } = message as { readonly headers?: unknown };
    return isObject(headers) ? headers : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
