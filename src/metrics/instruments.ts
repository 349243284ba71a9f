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
import { usableAttributes } from '../context/attributes.ts';
import { diagnostics } from '../diagnostics.ts';
import { safeText } from '../processing/limits.ts';
import { nameText } from '../processing/name-text.ts';
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

/** Makes an instrument; options that cannot be read are none. */
function made<T>(name: unknown, options: unknown, make: (name: string, options?: MetricOptions) => T): T {
  try {
    return make(nameText(name), options as MetricOptions);
  } catch {
    return make(nameText(name));
  }
}

/** One value into its series. One that is no finite number would spoil the sum of all the others there. */
function measure(value: unknown, attributes: unknown, take: (attributes?: Attributes) => void): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    diagnostics.debug('A measured value was left out: it is no finite number.');
    return;
  }
  take(isPlain(attributes) ? (attributes as Attributes) : shortened(usableAttributes(attributes)));
}

/** A series is kept and sent for as long as the process lives, so its attributes are few and short. */
const mostNames = 128;
const longestText = 1_024;

/** Whether the attributes can be taken as they are: nearly all can, and are not copied. */
function isPlain(attributes: unknown): boolean {
  if (attributes === undefined) return true;
  try {
    const values = Object.values(attributes as object);
    return values.length <= mostNames && values.every(isShort);
  } catch {
    return false;
  }
}

function isShort(value: unknown): boolean {
  return typeof value === 'string'
    ? value.length <= longestText
    : typeof value === 'number' || typeof value === 'boolean';
}

function shortened(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes).slice(0, mostNames);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? safeText(value, longestText) : value]),
  );
}

/**
 * A value that only grows. What is no finite number is not counted.
 * @example counter('orders.created', { unit: '{order}' }).add(1, { channel: 'web' });
 */
export function counter(name: string, options?: MetricOptions): Counter {
  const current = following((meter) => made(name, options, (...given) => meter.createCounter(...given)));
  return {
    add: (value, attributes, context) =>
      measure(value, attributes, (usable) => current().add(value, usable, context)),
  };
}

/** A distribution of values. Give `unit: 's'` for durations, as the semantic conventions do. */
export function histogram(name: string, options?: MetricOptions): Histogram {
  const current = following((meter) => made(name, options, (...given) => meter.createHistogram(...given)));
  return {
    record: (value, attributes, context) =>
      measure(value, attributes, (usable) => current().record(value, usable, context)),
  };
}

/** A value that goes up and down, told when it changes. */
export function gauge(name: string, options?: MetricOptions): Gauge {
  const current = following((meter) => made(name, options, (...given) => meter.createGauge(...given)));
  return {
    record: (value, attributes, context) =>
      measure(value, attributes, (usable) => current().record(value, usable, context)),
  };
}

type Observation = (meter: Meter) => void;
const waiting = shared<Set<Observation>>('observations', () => new Set());

/**
 * A value that is asked for at each collection.
 * @example observe('queue.depth', (result) => result.observe(queue.length));
 */
export function observe(name: string, callback: ObservableCallback, options?: MetricOptions): void {
  if (typeof callback !== 'function') {
    diagnostics.debug('observe() was called without a function to ask.');
    return;
  }
  const ask: ObservableCallback = (result) =>
    callback({
      observe: (value, attributes) => measure(value, attributes, (usable) => result.observe(value, usable)),
    });
  const observation: Observation = (meter) =>
    made(name, options, (...given) => meter.createObservableGauge(...given)).addCallback(ask);
  waiting.add(observation);
  observation(metrics.getMeter('sonde.app', VERSION));
}

/** Called by `init` when the meter provider is there: what `observe` named before is asked from now on. */
export function startObservations(): void {
  const meter = metrics.getMeter('sonde.app', VERSION);
  for (const observation of waiting) observation(meter);
}
