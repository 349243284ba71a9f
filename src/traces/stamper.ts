/** Puts the correlation id and the bound attributes of the unit of work onto every span that starts in it. */
import type { Context } from '@opentelemetry/api';
import type { AttributeValue } from '../config/config.ts';
import { correlationOf, type EntrySpan, unitOf } from '../context/correlation.ts';
import { countLive } from './census.ts';
import { watched } from './watched.ts';

/** As much of a span as is needed here. */
interface StartedSpan extends EntrySpan {
  readonly attributes?: Readonly<Record<string, unknown>>;
  spanContext(): { readonly traceId: string; readonly traceFlags?: number };
}

/** OpenTelemetry's `SpanProcessor`, structurally. */
export interface Stamper {
  onStart(span: StartedSpan, parentContext: Context): void;
  onEnd(span: unknown): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** The attribute's name; log records have the id under the same one. */
const correlationAttribute = 'correlation_id';

/**
 * Must stand first among the processors. A span's own attributes win over bound ones. A correlation id that is
 * the trace id is not repeated: a search for that string finds the span all the same. What `addContext` binds
 * later goes onto the first span of the unit as well, since a server span starts before any middleware runs.
 */
export const stamper: Stamper = {
  onStart(span, parentContext) {
    countLive(span.spanContext(), 1);
    if (watched.spans.size > 0) for (const watcher of watched.spans) watcher.started(span, parentContext);
    const correlation = correlationOf(parentContext);
    if (correlation === undefined) return;
    unitOf(correlation).entrySpan ??= span;
    const { id, attributes } = correlation;
    if (id !== undefined && id !== span.spanContext().traceId) span.setAttribute(correlationAttribute, id);
    for (const name in attributes) {
      if (span.attributes?.[name] === undefined) span.setAttribute(name, attributes[name] as AttributeValue);
    }
  },
  onEnd(span) {
    countLive((span as StartedSpan).spanContext(), -1);
    if (watched.spans.size > 0) for (const watcher of watched.spans) watcher.ended(span as object);
  },
  forceFlush: async () => {},
  shutdown: async () => {},
};
