/** The app's own metrics, on OpenTelemetry's meter. Instruments made before `init` start to count with it. */
import {
  type Attributes,
  type Context,
  type Counter,
  type Gauge,
  type Histogram,
  type Meter,
  type MeterProvider,
  type MetricOptions,
  metrics,
  type ObservableCallback,
} from '@opentelemetry/api';
import { diagnostics } from '../diagnostics.ts';
import { nameText } from '../processing/name-text.ts';
import { shared } from '../slot.ts';
import { VERSION } from '../version.ts';
import { type Bindable, type BoundCounter, type BoundRecorder, isBindable } from './bound.ts';
import { seriesAttributes } from './series-key.ts';

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

/** One value into its series, where another SDK holds the meters: it is given nothing that it could choke on. */
function measure(value: unknown, attributes: unknown, take: (attributes?: Attributes) => void): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    diagnostics.debug('A measured value was left out: it is no finite number.');
    return;
  }
  take(attributes === undefined ? undefined : seriesAttributes(attributes));
}

/** A handle that follows from one provider to the next; `bind` makes it anew for each instrument. */
function boundAnew<I extends object, B>(current: () => I, bind: (instrument: I) => B): () => B {
  let from: I | undefined;
  let bound: B;
  return () => {
    const instrument = current();
    if (instrument !== from) {
      from = instrument;
      bound = bind(instrument);
    }
    return bound;
  };
}

/**
 * A value that only grows. What is no finite number is not counted.
 * @example counter('orders.created', { unit: '{order}' }).add(1, { channel: 'web' });
 */
export function counter(name: string, options?: MetricOptions): Counter & Bindable<BoundCounter> {
  const current = following((meter) => made(name, options, (...given) => meter.createCounter(...given)));
  return {
    add(value, attributes, context) {
      const instrument = current();
      if (isBindable(instrument)) instrument.add(value, attributes, context);
      else measure(value, attributes, (usable) => instrument.add(value, usable, context));
    },
    bind(given) {
      const attributes = seriesAttributes(given);
      const bound = boundAnew(current, (instrument) =>
        isBindable(instrument)
          ? (instrument.bind(attributes) as BoundCounter)
          : {
              add: (value: number, context?: Context) =>
                measure(value, attributes, (usable) => instrument.add(value, usable, context)),
            },
      );
      return { add: (value, context) => bound().add(value, context) };
    },
    enabled: () => isEnabled(current()),
  };
}

function isEnabled(instrument: object): boolean {
  return isBindable(instrument) && instrument.enabled();
}

/** What histograms and gauges have in common. */
function recording(make: (meter: Meter) => Histogram | Gauge): Histogram & Bindable<BoundRecorder> {
  const current = following(make);
  return {
    record(value, attributes, context) {
      const instrument = current();
      if (isBindable(instrument)) instrument.record(value, attributes, context);
      else measure(value, attributes, (usable) => instrument.record(value, usable, context));
    },
    bind(given) {
      const attributes = seriesAttributes(given);
      const bound = boundAnew(current, (instrument) =>
        isBindable(instrument)
          ? (instrument.bind(attributes) as BoundRecorder)
          : {
              record: (value: number, context?: Context) =>
                measure(value, attributes, (usable) => instrument.record(value, usable, context)),
            },
      );
      return { record: (value, context) => bound().record(value, context) };
    },
    enabled: () => isEnabled(current()),
  };
}

/**
 * A distribution of values. Give `unit: 's'` for durations, as the semantic conventions do.
 * @example histogram('checkout.duration', { unit: 's' }).record(0.25, { channel: 'web' });
 */
export function histogram(name: string, options?: MetricOptions): Histogram & Bindable<BoundRecorder> {
  return recording((meter) => made(name, options, (...given) => meter.createHistogram(...given)));
}

/**
 * A value that goes up and down, told when it changes.
 * @example gauge('cache.entries').record(cache.size);
 */
export function gauge(name: string, options?: MetricOptions): Gauge & Bindable<BoundRecorder> {
  return recording((meter) => made(name, options, (...given) => meter.createGauge(...given)));
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
