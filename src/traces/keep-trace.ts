/** How the app says that a trace matters. */
import { trace } from '@opentelemetry/api';
import { activeContext } from '../context/context.ts';
import { shared } from '../slot.ts';

/** Set while `sonde_tail` samples. */
export const flagged: { keep: ((traceId: string) => void) | undefined } = shared('traces.flagged', () => ({
  keep: undefined,
}));

/**
 * Keeps the current trace whole, spans and details, whatever tail sampling would have said of it; calls that go out from now on
 * tell other services that it is sampled. Without the sampler `sonde_tail`, outside a trace, or after the trace has been
 * decided there is nothing to change. The attribute `sonde.keep: true` on any of its spans says the same when that span
 * ends. Never throws.
 *
 * @example if (order.total > 10_000) keepTrace();
 */
export function keepTrace(): void {
  const traceId = trace.getSpanContext(activeContext())?.traceId;
  if (traceId !== undefined) flagged.keep?.(traceId);
}
