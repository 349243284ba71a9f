/** One meter: makes instruments, each name once, and gives each reader its streams. */
import type {
  BatchObservableCallback,
  Counter,
  Gauge,
  Histogram,
  Meter,
  MetricOptions,
  Observable,
  ObservableCounter,
  ObservableGauge,
  ObservableUpDownCounter,
  UpDownCounter,
} from '@opentelemetry/api';
import { nameText } from '../processing/name-text.ts';
import type { Bindable, BoundCounter, BoundRecorder } from './bound.ts';
import type { Advice, CollectedMetric, Descriptor, InstrumentKind, MeterScope } from './collected.ts';
import type { Collector } from './collector.ts';
import { isSameInstrument, warnOfConflict, warnOfName } from './conflicts.ts';
import type { Offered } from './exemplars.ts';
import { Callbacks, ObservedInstrument } from './observables.ts';
import { ObservedStream } from './observed-stream.ts';
import { Recorder, type Series } from './recorder.ts';
import { RecordedStream, type Stream } from './stream.ts';

type Instrument = Recorder | ObservedInstrument;

function adding(recorder: Recorder): Counter & Bindable<BoundCounter> {
  return {
    add: (value, attributes, context) => recorder.record(value, attributes, context),
    bind(attributes) {
      const series = recorder.bind(attributes);
      return { add: (value, context) => series.record(value, context) };
    },
    enabled: () => recorder.enabled(),
  };
}

function recording(recorder: Recorder): Histogram & Bindable<BoundRecorder> {
  return {
    record: (value, attributes, context) => recorder.record(value, attributes, context),
    bind: (attributes): Series => recorder.bind(attributes),
    enabled: () => recorder.enabled(),
  };
}

export class SondeMeter implements Meter {
  readonly scope: MeterScope;
  readonly #offered: Offered;
  readonly #collectors: readonly Collector[];
  readonly #callbacks = new Callbacks();
  readonly #instruments = new Map<string, { instrument: Instrument; held: unknown }[]>();
  readonly #streams = new Map<Collector, Stream[]>();

  constructor(scope: MeterScope, offered: Offered, collectors: readonly Collector[]) {
    this.scope = scope;
    this.#offered = offered;
    this.#collectors = collectors;
  }

  createCounter(name: string, options?: MetricOptions): Counter & Bindable<BoundCounter> {
    return this.#recorded(name, 'COUNTER', options, adding);
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter & Bindable<BoundCounter> {
    return this.#recorded(name, 'UP_DOWN_COUNTER', options, adding);
  }

  createHistogram(name: string, options?: MetricOptions): Histogram & Bindable<BoundRecorder> {
    return this.#recorded(name, 'HISTOGRAM', options, recording);
  }

  createGauge(name: string, options?: MetricOptions): Gauge & Bindable<BoundRecorder> {
    return this.#recorded(name, 'GAUGE', options, recording);
  }

  createObservableCounter(name: string, options?: MetricOptions): ObservableCounter {
    return this.#observed(name, 'OBSERVABLE_COUNTER', options);
  }

  createObservableUpDownCounter(name: string, options?: MetricOptions): ObservableUpDownCounter {
    return this.#observed(name, 'OBSERVABLE_UP_DOWN_COUNTER', options);
  }

  createObservableGauge(name: string, options?: MetricOptions): ObservableGauge {
    return this.#observed(name, 'OBSERVABLE_GAUGE', options);
  }

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#callbacks.addBatch(callback, observables);
  }

  removeBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    this.#callbacks.removeBatch(callback, observables);
  }

  /** Runs the callbacks for one reader; gives back what they threw. */
  ask(collector: Collector, timeoutMillis: number | undefined): Promise<unknown[]> {
    return this.#callbacks.ask(collector, timeoutMillis);
  }

  /** Each stream of one reader on its own, so that a collection can make way in between. */
  *collect(collector: Collector): Generator<CollectedMetric, void> {
    for (const stream of this.#streams.get(collector) ?? []) {
      const metric = stream.metric(Date.now());
      if (metric !== undefined) yield metric;
    }
  }

  /** A reader that came later sees what is measured from now on. */
  admit(collector: Collector): void {
    for (const { instrument } of [...this.#instruments.values()].flat()) this.#connect(instrument, collector);
  }

  /** Nobody collects any more. */
  close(): void {
    for (const { instrument } of [...this.#instruments.values()].flat()) {
      if (instrument instanceof Recorder) instrument.removeStreams();
      else instrument.streams.clear();
    }
    this.#streams.clear();
  }

  #recorded<T>(
    name: string,
    type: InstrumentKind,
    options: MetricOptions | undefined,
    held: (recorder: Recorder) => T,
  ): T {
    return this.#one(describe(name, type, options), (descriptor) => {
      const recorder = new Recorder(descriptor, this.#offered);
      return { instrument: recorder, held: held(recorder) };
    }) as T;
  }

  #observed(name: string, type: InstrumentKind, options: MetricOptions | undefined): ObservedInstrument {
    return this.#one(describe(name, type, options), (descriptor) => {
      const instrument = new ObservedInstrument(descriptor, this.#callbacks);
      return { instrument, held: instrument };
    }) as ObservedInstrument;
  }

  /** The same question gives the same instrument. */
  #one(
    descriptor: Descriptor,
    make: (descriptor: Descriptor) => { instrument: Instrument; held: unknown },
  ): unknown {
    const key = descriptor.name.toLowerCase();
    const namesakes = this.#instruments.get(key) ?? [];
    const known = namesakes.find(({ instrument }) => isSameInstrument(instrument.descriptor, descriptor));
    if (known !== undefined) {
      warnOfConflict(this.scope.name, known.instrument.descriptor, descriptor);
      return known.held;
    }
    warnOfName(descriptor.name);
    const made = make(descriptor);
    this.#instruments.set(key, [...namesakes, made]);
    for (const collector of this.#collectors) this.#connect(made.instrument, collector);
    return made.held;
  }

  #connect(instrument: Instrument, collector: Collector): void {
    const shapes = collector.shapesOf(instrument.descriptor, this.scope, instrument instanceof Recorder);
    const streams = this.#streams.get(collector) ?? [];
    for (const shape of shapes) {
      const namesake = streams.find(
        ({ shape: { descriptor } }) => descriptor.name.toLowerCase() === shape.descriptor.name.toLowerCase(),
      );
      if (namesake) warnOfConflict(this.scope.name, namesake.shape.descriptor, shape.descriptor);
      if (instrument instanceof Recorder) {
        const stream = new RecordedStream(shape, Date.now());
        instrument.addStream(stream);
        streams.push(stream);
      } else {
        const stream = new ObservedStream(shape, Date.now());
        instrument.streams.set(collector, [...(instrument.streams.get(collector) ?? []), stream]);
        streams.push(stream);
      }
    }
    this.#streams.set(collector, streams);
  }
}

const longestName = 255;

/** Options that cannot be read are none. */
function describe(name: unknown, type: InstrumentKind, options: unknown): Descriptor {
  const read = <K extends keyof MetricOptions>(key: K): unknown => {
    try {
      return (options as MetricOptions | undefined)?.[key];
    } catch {
      return undefined;
    }
  };
  const text = (given: unknown) => (given === undefined ? '' : nameText(given));
  return {
    name: nameText(name, longestName),
    description: text(read('description')),
    unit: text(read('unit')),
    type,
    valueType: read('valueType') === 0 ? 0 : 1,
    advice: (read('advice') ?? {}) as Advice,
  };
}
