/**
 * Sentry up to version 10 makes its spans of HTTP by the global tracer. Where Sonde holds that, they would be a second
 * one of each request; what the app itself asks Sentry to measure stays.
 */
import { type Context, type Span, type SpanOptions, trace } from '@opentelemetry/api';
import type { Instrumentation } from '../src/instrumentation.ts';
import { tracerOverride } from './tracer-override.ts';

export function sentrySpans(): Instrumentation {
  return tracerOverride('sentry', '@sentry/node', (options, context) =>
    isTwin(options) ? standIn(context) : options,
  );
}

function isTwin({ attributes }: SpanOptions): boolean {
  return String(attributes?.['sentry.origin']).startsWith('auto.http.');
}

/** In the stead of a second span the first one goes on: what happens below it is its child. */
function standIn(context: Context): Span {
  const { traceId = '', spanId = '', traceFlags = 0 } = trace.getSpanContext(context) ?? {};
  return trace.wrapSpanContext({ traceId, spanId, traceFlags });
}
