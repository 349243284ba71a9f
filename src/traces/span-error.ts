/** An error on a span: one error object is one exception in its trace, whoever sees it first (A70). */
import { type Span, SpanStatusCode } from '@opentelemetry/api';
import { kindOfThrown } from '../logs/error-shape.ts';
import { shared } from '../slot.ts';

/** The trace that has an error's exception. A constant error is thrown in many traces, and is news in each. */
const recorded = shared('traces.exceptions', () => new WeakMap<object, string>());

/**
 * Marks `span` as failed by `error`: status, `error.type`, and the exception unless the trace has it already. Never
 * throws.
 */
export function recordError(span: Span, error: unknown): void {
  try {
    const isError = error instanceof Error;
    const message = isError ? error.message : String(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    span.setAttribute('error.type', isError ? error.name || 'Error' : kindOfThrown(error));
    const { traceId } = span.spanContext();
    if (isError && recorded.get(error) === traceId) return;
    if (isError) recorded.set(error, traceId);
    span.recordException(isError ? error : message);
  } catch {
    // A hostile error must not replace the app's own.
  }
}
