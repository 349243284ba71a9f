/** What a unit of work carries beside its span, and the one function that stamps it onto whatever is born there. */
import { type Context, createContextKey, INVALID_TRACEID, type SpanContext, trace } from '@opentelemetry/api';
import type { AttributeValue } from '../config/config.ts';
import type { Activity } from './activity.ts';

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** The unit of work: one request, one job, one script. */
export interface Correlation {
  /** The correlation id; absent: the trace id stands for it, so that one string finds everything. */
  readonly id: string | undefined;
  /** Unique per request: a valid `X-Request-ID`, else absent and the server span's id stands for it. */
  readonly requestId: string | undefined;
  /** Attributes bound to this unit of work. Replaced as a whole by `addContext`, never changed in place. */
  attributes: Attributes;
  /** Set where `withContext` adds to the unit for the length of a function; its `attributes` are then computed. */
  readonly scope?: Scope;
  /** The first span that started in this unit, such as a request's server span: it gets what is bound later, too. */
  entrySpan?: EntrySpan;
  /** Of requests, and of what came with a message: what has been done so far. */
  readonly activity?: Activity;
}

/** As much of a span as can still be added to. */
export interface EntrySpan {
  isRecording(): boolean;
  setAttribute(key: string, value: AttributeValue): unknown;
}

/** Attributes that hold inside one function only, on top of those of the unit or of the scope around it. */
export interface Scope {
  readonly outer: Correlation;
  bound: Attributes;
}

/** The ids and bound attributes of one moment. Absent ids are `undefined`, never empty. */
export interface Stamp {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly traceFlags: number;
  readonly correlationId: string | undefined;
  readonly requestId: string | undefined;
  readonly attributes: Attributes | undefined;
}

const correlationKey = createContextKey('sonde.correlation');

export function correlationOf(context: Context): Correlation | undefined {
  return context.getValue(correlationKey) as Correlation | undefined;
}

export function withCorrelation(context: Context, correlation: Correlation): Context {
  return context.setValue(correlationKey, correlation);
}

/** The unit of work around every scope. */
export function unitOf(correlation: Correlation): Correlation {
  let unit = correlation;
  while (unit.scope !== undefined) unit = unit.scope.outer;
  return unit;
}

const nobody: Stamp = {
  traceId: undefined,
  spanId: undefined,
  traceFlags: 0,
  correlationId: undefined,
  requestId: undefined,
  attributes: undefined,
};

/** Without an SDK the API's tracer hands out a span whose ids are all zero: nobody's id. */
function realSpan(span: SpanContext | undefined): SpanContext | undefined {
  return span?.traceId === INVALID_TRACEID ? undefined : span;
}

/** The one place where a record, a span or an exemplar gets its ids. */
export function stampOf(context: Context): Stamp {
  const span = realSpan(trace.getSpanContext(context));
  const correlation = correlationOf(context);
  if (span === undefined && correlation === undefined) return nobody;
  return {
    traceId: span?.traceId,
    spanId: span?.spanId,
    traceFlags: span === undefined ? 0 : span.traceFlags & 1,
    correlationId: correlation?.id ?? span?.traceId,
    requestId: correlation?.requestId ?? span?.spanId,
    attributes: correlation?.attributes,
  };
}
