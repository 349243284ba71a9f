/** `@opentelemetry/api`: a copy that is newer than the one Sonde registered through is let in (contract 2.5). */
import type { Instrumentation } from '../src/instrumentation.ts';
import { admitCopy } from '../src/registry.ts';

export function otelApi(): Instrumentation {
  return {
    name: 'otel-api',
    modules: ['@opentelemetry/api'],
    patch(exports) {
      admitCopy(exports);
    },
    disable() {},
  };
}
