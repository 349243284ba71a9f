/**
 * What every bridge to a logging library shares: which of its records go on, how they become Sonde's, and the ids
 * for the line it prints itself. Its own line stays the only one on the console.
 */
import type { Context } from '@opentelemetry/api';
import type { BridgeName, Config } from '../src/config/config.ts';
import { activeContext } from '../src/context/context.ts';
import { type Stamp, stampOf } from '../src/context/correlation.ts';
import { isSuppressed } from '../src/context/suppression.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { isError } from '../src/logs/error-shape.ts';
import { levelOf, severity } from '../src/logs/levels.ts';
import { emit, isDelivering } from '../src/logs/pipeline.ts';
import { now } from '../src/logs/time.ts';
import { namedLevel, parseLevels } from '../src/logs/tree.ts';

/** The ids of the running work, under the names they have in every line. */
export interface Ids {
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly trace_flags?: string;
  readonly correlation_id?: string;
}

const idNames = ['trace_id', 'span_id', 'trace_flags', 'correlation_id'] as const;

/** A record as a bridge has understood it. */
export interface Bridged {
  readonly message: string;
  /** The library's own name of the logger; the library's name by default. */
  readonly logger?: string;
  /** A fresh object: it is kept, and loses what the record says already. */
  readonly fields?: Record<string, unknown>;
  readonly error?: unknown;
  /** Epoch milliseconds; now by default. */
  readonly time?: number;
}

/** One library's way into the pipeline. Nothing here throws. */
export interface Bridge {
  readonly name: BridgeName;
  /** Whether its records are handed on at all. */
  readonly sends: boolean;
  /** Whether the lines it prints get ids. */
  readonly injects: boolean;
  /** Whether a record of this level would be made now. */
  wants(severityNumber: number, context?: Context): boolean;
  /**
   * Hands on one record, made only if its level is wanted, or none where `make` finds that it is known; born in `context`, the active one by default. A
   * level set for the record's own logger name (`SONDE_LOG_LEVEL=info,shop.db=warn`) holds, too.
   */
  send(severityNumber: number, make: () => Bridged | undefined, context?: Context): void;
  /** What to inject now; `undefined` outside any unit of work, and where nothing is to be injected. */
  ids(context?: Context): Ids | undefined;
  /** Runs what must not hurt the app. */
  guard(run: () => void): void;
}

/** While a library writes through another one (a `console` appender), only the first is heard. */
let quiet = 0;

/** Runs `write` with all bridges deaf: the record it prints is known already. */
export function quietly<T>(write: () => T): T {
  quiet++;
  try {
    return write();
  } finally {
    quiet--;
  }
}

/**
 * The bridge to `name`, as configured.
 *
 * @param highest the most severe record the library makes; below the bridge's level nothing of it is ever sent
 */
export function bridgeTo(name: BridgeName, { bridges }: Config, highest: number = severity.FATAL): Bridge {
  const { levels } = parseLevels(bridges.level);
  const threshold = levels.get(name) ?? levels.get('') ?? severity.INFO;
  const sends = bridges[name].includes('send') && threshold <= highest + 3;
  const injects = bridges[name].includes('inject');

  function guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      diagnostics.count('bridges.errors');
      const reason = error instanceof Error ? error.message : typeof error;
      const message = `A record of ${name} could not be read (${reason}); the library has its own line.`;
      diagnostics.warnOnce(`bridge ${name}`, 'SONDE_ERR_LOGGER', message);
    }
  }

  function wants(severityNumber: number, context: Context = activeContext()): boolean {
    return sends && severityNumber >= threshold && quiet === 0 && !isDelivering() && !isSuppressed(context);
  }

  return {
    name,
    sends,
    injects,
    guard,
    wants,
    send(severityNumber, make, context = activeContext()) {
      if (!wants(severityNumber, context)) return;
      guard(() => {
        const record = make();
        if (record !== undefined) handOn(name, severityNumber, record, context);
      });
    },
    ids(context = activeContext()) {
      return injects && quiet === 0 ? idsOf(stampOf(context)) : undefined;
    },
  };
}

function handOn(name: string, severityNumber: number, record: Bridged, context: Context): void {
  const logger = record.logger?.slice(0, 200) || name;
  if (severityNumber < (namedLevel(logger) ?? 0)) return;
  const stamp = stampOf(context);
  emit({
    time: record.time ?? now(),
    level: levelOf(severityNumber),
    severityNumber,
    logger,
    message: record.message,
    fields: withoutIds(record.fields, stamp),
    error: record.error,
    bound: undefined,
    stamp,
    printed: true,
    context,
  });
}

/** Ids that the app injects by itself would stand there twice. */
function withoutIds(fields: Record<string, unknown> | undefined, stamp: Stamp): Bridged['fields'] {
  const ids = idsOf(stamp);
  if (fields === undefined || ids === undefined) return fields;
  for (const name of idNames) if (fields[name] === ids[name]) delete fields[name];
  return fields;
}

let lastStamp: Stamp | undefined;
let lastIds: Ids = {};

/** Records come in runs of one span: the same object is given for the same ids. */
function idsOf(stamp: Stamp): Ids | undefined {
  const { traceId, spanId, traceFlags, correlationId } = stamp;
  if (traceId === undefined && correlationId === undefined) return undefined;
  const isSame =
    lastStamp?.spanId === spanId &&
    lastStamp?.traceId === traceId &&
    lastStamp?.correlationId === correlationId &&
    lastStamp?.traceFlags === traceFlags;
  if (isSame) return lastIds;
  lastStamp = stamp;
  lastIds = {
    ...(traceId !== undefined && {
      trace_id: traceId,
      span_id: spanId,
      trace_flags: (traceFlags & 255).toString(16).padStart(2, '0'),
    }),
    ...(correlationId !== undefined && { correlation_id: correlationId }),
  };
  return lastIds;
}

/** The ids that a line does not have yet: who names a trace by himself gets no span of another one beside it. */
export function missingIds(ids: Ids | undefined, has: (name: string) => boolean): Ids | undefined {
  if (ids === undefined) return undefined;
  const { correlation_id, ...traced } = ids;
  const hasTrace = has('trace_id') || has('span_id');
  const hasCorrelation = has('correlation_id');
  if (!hasTrace && !hasCorrelation) return ids;
  return {
    ...(!hasTrace && traced),
    ...(!hasCorrelation && correlation_id !== undefined && { correlation_id }),
  };
}

/** `trace_id=... span_id=...`, for lines that people read. */
export function idsText(ids: Ids): string {
  return Object.entries(ids)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** Takes the error out of fields that hold one under a name by which it is known. */
export function takeError(fields: Record<string, unknown>, names: readonly string[]): unknown {
  for (const name of names) {
    const value = fields[name];
    if (!isError(value)) continue;
    delete fields[name];
    return value;
  }
  return undefined;
}

/** An error again, from the parts that a library has made of it; `undefined` if there is no stack among them. */
export function restoredError(parts: unknown): unknown {
  const { name, message, stack, ...rest } = (parts ?? {}) as Record<string, unknown>;
  if (typeof stack !== 'string') return undefined;
  const head = /^([A-Za-z_$][\w$]*)(?::|\n)/.exec(stack)?.[1];
  return Object.create(
    Error.prototype,
    Object.getOwnPropertyDescriptors({
      ...rest,
      name: typeof name === 'string' ? name : (head ?? 'Error'),
      message: typeof message === 'string' ? message : '',
      stack,
    }),
  );
}
