/** The app's own metrics, on OpenTelemetry's meter. Instruments made before `init` start to count with it. */
import {
  type Attributes,
  type Counter,
  type Gauge,
  type Histogram,
  type Meter,
  type MeterProvider,
  type MetricOptions,
  metrics,
  type ObservableCallback,
} from '@opentelemetry/api';
import { shared } from '../slot.ts';
import { VERSION } from '../version.ts';

/** The API hands out a no-op for good when asked before a provider is registered, so the asking is repeated. */
function following<T>(make: (meter: Meter) => T): () => T {
  let provider: MeterProvider | undefined;
  let instrument: T;
  return () => {
    const current = metrics.getMeterProvider();
    if (current !== provider) {
      provider = current;
      instrument = make(current.getMeter('sonde.app', VERSION));
    }
    return instrument;
  };
}

/**
 * A value that only grows.
 * @example counter('orders.created', { unit: '{order}' }).add(1, { channel: 'web' });
 */
export function counter(name: string, options?: MetricOptions): Counter {
  const current = following((meter) => meter.createCounter(name, options));
  return {
    add: (value: number, attributes?: Attributes, context?) => current().add(value, attributes, context),
  };
}

/** A distribution of values. Give `unit: 's'` for durations, as the semantic conventions do. */
export function histogram(name: string, options?: MetricOptions): Histogram {
  const current = following((meter) => meter.createHistogram(name, options));
  return { record: (value, attributes, context) => current().record(value, attributes, context) };
}

/** A value that goes up and down, told when it changes. */
export function gauge(name: string, options?: MetricOptions): Gauge {
  const current = following((meter) => meter.createGauge(name, options));
  return { record: (value, attributes, context) => current().record(value, attributes, context) };
}

type Observation = (meter: Meter) => void;
const waiting = shared<Set<Observation>>('observations', () => new Set());

/**
 * A value that is asked for at each collection.
 * @example observe('queue.depth', (result) => result.observe(queue.length));
 */
export function observe(name: string, callback: ObservableCallback, options?: MetricOptions): void {
  const observation: Observation = (meter) =>
    meter.createObservableGauge(name, options).addCallback(callback);
  waiting.add(observation);
  observation(metrics.getMeter('sonde.app', VERSION));
}

/** Called by `init` when the meter provider is there: what `observe` named before is asked from now on. */
export function startObservations(): void {
  const meter = metrics.getMeter('sonde.app', VERSION);
  for (const observation of waiting) observation(meter);
}
