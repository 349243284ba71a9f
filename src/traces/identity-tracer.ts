/**
 * The tracer for `OTEL_TRACES_EXPORTER=none` and for the sampler `always_off`: the sampler decides and its flag goes on
 * to the next service, every unit of work has its ids, and nothing is recorded or queued.
 */
import {
  type Context,
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { IdGenerator, Sampler } from '@opentelemetry/sdk-trace';
import { isSuppressed } from '../context/suppression.ts';
import { decisions } from './decide.ts';
import { type OwnSampler, parentIn } from './sampler.ts';

interface Parts {
  readonly sampler: OwnSampler | Sampler;
  readonly ids: IdGenerator;
}

function startSpan(parts: Parts, name: string, options: SpanOptions, context: Context): Span {
  if (isSuppressed(context)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  const parent = options.root ? undefined : parentIn(context);
  const traceId = parent?.traceId ?? parts.ids.generateTraceId();
  const { sampler } = parts;
  const { decision, traceState } =
    'decide' in sampler
      ? sampler.decide(parent, traceId, name, options)
      : sampler.shouldSample(
          options.root ? trace.deleteSpan(context) : context,
          traceId,
          name,
          options.kind ?? SpanKind.INTERNAL,
          options.attributes ?? {},
          options.links ?? [],
        );
  return identity(parts, traceId, decision === decisions.sample, traceState ?? parent?.traceState);
}

function identity(
  { ids }: Parts,
  traceId: string,
  isSampled: boolean,
  traceState: SpanContext['traceState'],
): Span {
  return trace.wrapSpanContext({
    traceId,
    spanId: ids.generateSpanId(),
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    traceState,
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
