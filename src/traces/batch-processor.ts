/** The span processor between the official tracer and Sonde's one delivery path. */
import { TraceFlags } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';

/** What takes finished spans. */
export interface SpanQueue {
  add(span: ReadableSpan): void;
  forceFlush(): Promise<void>;
}

/** Hands every sampled span to `queue` when it ends. The queue is shut down by its owner, after the tracer. */
export function batchProcessor(queue: SpanQueue): SpanProcessor {
  return {
    onStart() {},
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) queue.add(span);
    },
    forceFlush: () => queue.forceFlush(),
    shutdown: () => queue.forceFlush(),
  };
}
