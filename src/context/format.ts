/** What every header format shares: how it reads and writes, and what is remembered of a remote parent. */
import {
  type Context,
  createContextKey,
  isSpanContextValid,
  type SpanContext,
  trace,
} from '@opentelemetry/api';
import { randomFlag } from './traceparent.ts';

/** Reads one header by its lower-case name; several of one name come joined by commas. */
export type ReadHeader = (name: string) => string | undefined;
export type WriteHeader = (name: string, value: string) => void;

/** One way to write a context into headers. Neither call throws, whatever the headers hold. */
export interface Format {
  /** Lower-case names of the headers it writes. */
  readonly fields: readonly string[];
  /** `context` with what was found; `context` itself when that is nothing or cannot be believed. */
  extract(context: Context, read: ReadHeader): Context;
  inject(context: Context, write: WriteHeader): void;
}

/** What the SDK's tracer does not hand down from a remote parent to the spans below it. */
interface Origin {
  readonly traceId: string;
  /** Level 2 random flag as received; whoever continues a trace must send the same. */
  readonly random: boolean;
  /** B3's debug flag. */
  readonly debug: boolean;
}

const originKey = createContextKey('sonde.trace-origin');

/** `context` continuing the trace of a caller. */
export function withRemoteParent(context: Context, parent: SpanContext, debug = false): Context {
  const random = (parent.traceFlags & randomFlag) !== 0;
  const continued = trace.setSpanContext(context, parent);
  // What is not remembered counts as random, and each value in a context costs a copy of it.
  if (random && !debug && context.getValue(originKey) === undefined) return continued;
  return continued.setValue(originKey, { traceId: parent.traceId, random, debug } satisfies Origin);
}

function originOf(context: Context, span: SpanContext): Origin | undefined {
  const origin = context.getValue(originKey) as Origin | undefined;
  return origin?.traceId === span.traceId ? origin : undefined;
}

/** The span to send, if there is one with real ids. */
export function spanToSend(context: Context): SpanContext | undefined {
  const span = trace.getSpanContext(context);
  return span !== undefined && isSpanContextValid(span) ? span : undefined;
}

/** A trace keeps the random flag it came with; one that began here has it, for our ids are random. */
export function isRandomTrace(context: Context, span: SpanContext): boolean {
  const origin = originOf(context, span);
  if (origin !== undefined) return origin.random;
  return span.isRemote !== true || (span.traceFlags & randomFlag) !== 0;
}

export function isDebugTrace(context: Context, span: SpanContext): boolean {
  return originOf(context, span)?.debug ?? false;
}
