/**
 * The tracer for `OTEL_TRACES_EXPORTER=none` and for the sampler `always_off`: the sampler decides and its flag goes on
 * to the next service, every unit of work has its ids, and nothing is recorded or queued.
 */
import {
  type Context,
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { type IdGenerator, type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace';
import { isSuppressed } from '../context/suppression.ts';

interface Parts {
  readonly sampler: Sampler;
  readonly ids: IdGenerator;
}

function parentOf(context: Context): SpanContext | undefined {
  const parent = trace.getSpanContext(context);
  return parent !== undefined && isSpanContextValid(parent) ? parent : undefined;
}

function startSpan(parts: Parts, name: string, options: SpanOptions, context: Context): Span {
  if (isSuppressed(context)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  const parent = options.root ? undefined : parentOf(context);
  const traceId = parent?.traceId ?? parts.ids.generateTraceId();
  const { decision, traceState } = parts.sampler.shouldSample(
    options.root ? trace.deleteSpan(context) : context,
    traceId,
    name,
    options.kind ?? SpanKind.INTERNAL,
    options.attributes ?? {},
    options.links ?? [],
  );
  const sampled = decision === SamplingDecision.RECORD_AND_SAMPLED;
  return trace.wrapSpanContext({
    traceId,
    spanId: parts.ids.generateSpanId(),
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    traceState: traceState ?? parent?.traceState,
  });
}

function tracerOf(parts: Parts): Tracer {
  const tracer: Tracer = {
    startSpan: (name, options = {}, context = contextApi.active()) =>
      startSpan(parts, name, options, context),
    startActiveSpan(name: string, ...rest: unknown[]) {
      const fn = rest.at(-1) as (span: Span) => unknown;
      const options = (rest.length > 1 ? rest[0] : {}) as SpanOptions;
      const parent = (rest.length > 2 ? rest[1] : undefined) as Context | undefined;
      const context = parent ?? contextApi.active();
      const span = startSpan(parts, name, options, context);
      return contextApi.with(trace.setSpan(context, span), fn as never, undefined, span);
    },
  } as Tracer;
  return tracer;
}

/** A provider whose spans carry ids and the sampler's flag, and nothing else. */
export function identityTracerProvider(parts: Parts): TracerProvider {
  const tracer = tracerOf(parts);
  return { getTracer: () => tracer };
}
