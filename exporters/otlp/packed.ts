/**
 * Items as bytes from the moment they are born: what the app changes afterwards changes nothing, nothing of the app's
 * is kept alive, every item's weight is known, and a request is put together without work that could block a turn.
 */
import { safeText } from '../../src/processing/limits.ts';
import { ChunkWriter, type Cut } from './chunk-writer.ts';
import type { ResourceLike, Scope } from './log-record.ts';

/** What items stand under in a request, each part encoded in the form of the request. Told apart by identity. */
export interface Origin {
  readonly resource: Uint8Array | string;
  readonly scope: Uint8Array | string;
}

/** One encoded log record or span, waiting to be sent. */
export class Packed {
  readonly origin: Origin;
  /** Protobuf: the item with its tag and length. JSON: its text. */
  readonly content: Cut | string;
  /** SeverityNumber of a log record; a span has none. */
  readonly severityNumber: number | undefined;

  constructor(origin: Origin, content: Cut | string, severityNumber?: number) {
    this.origin = origin;
    this.content = content;
    this.severityNumber = severityNumber;
  }

  /** Bytes that it keeps occupied, nearly. */
  get weight(): number {
    const { content } = this;
    return typeof content === 'string' ? content.length : content.end - content.start;
  }
}

/** What a signal looks like in one form. */
export interface Codec<Item> {
  /** Encodes one item. Throws for one that cannot be. */
  pack(item: Item): Packed;
  /** One request that holds them all, in order, under their resources and scopes. */
  request(items: readonly Packed[]): Uint8Array;
}

/**
 * Lends one writer to whoever packs. A getter of the app's may log while its record is being packed: the inner record
 * gets a writer of its own.
 */
export function withWriter(): <T>(write: (writer: ChunkWriter) => T) => T {
  let idle: ChunkWriter | undefined;
  return (write) => {
    const writer = idle ?? new ChunkWriter();
    idle = undefined;
    try {
      return write(writer);
    } finally {
      writer.rewind();
      idle = writer;
    }
  };
}

/** How a form writes what items stand under. */
export interface OriginForm {
  resource(given: ResourceLike): Uint8Array | string;
  scope(given: Scope): Uint8Array | string;
}

/** The origin of items whose resource and scope are objects that return, as those of spans. */
export function originsOf(form: OriginForm): (resource: ResourceLike, scope: Scope) => Origin {
  const origins = perObject((resource: ResourceLike) => {
    const encoded = form.resource(resource);
    return perObject((scope: Scope): Origin => ({ resource: encoded, scope: form.scope(scope) }));
  });
  return (resource, scope) => origins(resource)(scope);
}

/** Loggers are few; the origin of one whose name was made from data is encoded again each time. */
const mostLoggers = 2_000;

/** The origin of log records, by their logger's name. */
export function logOriginsOf(form: OriginForm, resource: ResourceLike): (logger: string) => Origin {
  const known = new Map<string, Origin>();
  const encoded = form.resource(resource);
  return (logger) => {
    const found = known.get(logger);
    if (found !== undefined) return found;
    const origin = { resource: encoded, scope: form.scope({ name: safeText(logger) }) };
    if (known.size < mostLoggers) known.set(logger, origin);
    return origin;
  };
}

/** Remembers what `make` gave for each object. */
function perObject<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const memory = new WeakMap<K, V>();
  return (key) => {
    const known = memory.get(key);
    if (known !== undefined) return known;
    const made = make(key);
    memory.set(key, made);
    return made;
  };
}
