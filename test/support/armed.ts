/** Arms instrumentations by the real dispatcher, with spans and metrics kept in memory. */
import { type Span, trace } from '@opentelemetry/api';
import type { ReadableSpan, Sampler } from '@opentelemetry/sdk-trace';
import { type Armed, arm } from '../../instrumentation/hook.ts';
import { type Config, defaults } from '../../src/config/config.ts';
import { activeContext, runIn } from '../../src/context/context.ts';
import { type Correlation, withCorrelation } from '../../src/context/correlation.ts';
import type { Instrumentation, Sensors } from '../../src/instrumentation.ts';
import { type Observed, observe } from './observed.ts';

export interface ArmedProcess extends Observed {
  readonly armed: Armed;
  /** Runs `work` as one unit of work: under a span of its own and a correlation id. */
  within<T>(id: string, work: (span: Span) => T): T;
  /** Client spans that ended so far. */
  calls(): ReadableSpan[];
}

/** Arms fresh `instrumentations`; `stop()` disarms them. */
export function armed(
  instrumentations: readonly Instrumentation[],
  sampler?: Sampler,
  config?: Partial<Config>,
): ArmedProcess {
  const observed = observe([], { sampler });
  const tracer = observed.provider.getTracer('test');
  const sensors: Sensors = {
    config: { ...defaults, ...config },
    tracer,
    meter: observed.meters.getMeter('test'),
  };
  const hooks = arm(instrumentations, sensors);
  return {
    ...observed,
    armed: hooks,
    within(id, work) {
      const correlation: Correlation = { id, requestId: undefined, attributes: {} };
      const span = tracer.startSpan(`work ${id}`);
      const result = runIn(withCorrelation(trace.setSpan(activeContext(), span), correlation), () =>
        work(span),
      );
      span.end();
      return result;
    },
    calls: () => observed.spans.filter((span) => !span.name.startsWith('work ')),
    async stop() {
      hooks.disarm();
      await observed.stop();
    },
  };
}
