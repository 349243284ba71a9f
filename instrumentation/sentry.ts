/**
 * Sentry up to version 10 makes its spans of HTTP by the global tracer. Where Sonde holds that, they would be a second
 * one of each request; what the app itself asks Sentry to measure stays.
 */
import {
  context as api,
  type Context,
  type Span,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Instrumentation } from '../src/instrumentation.ts';
import { override } from './override.ts';

export function sentrySpans(): Instrumentation {
  let restore = (): void => {};
  return {
    name: 'sentry',
    modules: [],
    enable() {
      const provider = trace.getTracerProvider() as { getDelegate?(): object };
      restore = override(provider.getDelegate?.() ?? provider, 'getTracer', (original) => {
        return function getTracer(name: string, ...rest: unknown[]) {
          const tracer: Tracer = original.call(this, name, ...rest);
          return name === '@sentry/node' ? withoutTwins(tracer) : tracer;
        };
      });
    },
    disable: () => restore(),
  };
}

function isTwin(options: SpanOptions | undefined): boolean {
  return String(options?.attributes?.['sentry.origin']).startsWith('auto.http.');
}

/** In the stead of a second span the first one goes on: what happens below it is its child. */
function standIn(context: Context): Span {
  const { traceId = '', spanId = '', traceFlags = 0 } = trace.getSpanContext(context) ?? {};
  return trace.wrapSpanContext({ traceId, spanId, traceFlags });
}

function withoutTwins(tracer: Tracer): Tracer {
  return {
    startSpan(name, options, context = api.active()) {
      return isTwin(options) ? standIn(context) : tracer.startSpan(name, options, context);
    },
    startActiveSpan(name: string, ...rest: any[]) {
      const [options, context = api.active()] = rest.slice(0, -1) as [SpanOptions?, Context?];
      const run = rest.at(-1) as (span: Span) => unknown;
      if (!isTwin(options)) return tracer.startActiveSpan(name, options ?? {}, context, run);
      const span = standIn(context);
      return api.with(trace.setSpan(context, span), () => run(span));
    },
  } as Tracer;
}
