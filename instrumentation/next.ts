/**
 * Next.js makes spans of its own by the global tracer. Below Sonde's span of a request its span of the same request is
 * no second server span, and the route that it has found is the request's.
 */
import { SpanKind } from '@opentelemetry/api';
import { requestOf } from '../src/context/request-context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { tracerOverride } from './tracer-override.ts';

/** Routes of Next's own pages: a request for something that is not there has none. */
const ownPages = new Set<unknown>(['/_not-found', '/_error', '/404', '/500']);

export function nextSpans(): Instrumentation {
  return tracerOverride('next', 'next.js', (options, context) => {
    const request = requestOf(context);
    if (request === undefined) return options;
    const route = options.attributes?.['next.route'];
    if (typeof route === 'string' && !ownPages.has(route)) request.route ??= route;
    return options.kind === SpanKind.SERVER ? { ...options, kind: SpanKind.INTERNAL } : options;
  });
}
