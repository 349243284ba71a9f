/** OpenTelemetry's mark on work that must not be observed: the traffic of exporters. */
import { type Context, createContextKey } from '@opentelemetry/api';

/** Spelt as in `@opentelemetry/core`, so that its exporters and ours understand each other. */
const key = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Whether nothing that happens in `context` is to be observed or to carry headers. */
export function isSuppressed(context: Context): boolean {
  return context.getValue(key) === true;
}

/** `context`, not observed. */
export function suppressed(context: Context): Context {
  return context.setValue(key, true);
}
