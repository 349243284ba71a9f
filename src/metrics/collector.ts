/** What stands between the instruments and one reader: its streams are of its own making. */
import { diagnostics } from '../diagnostics.ts';
import { always, timed } from '../overhead.ts';
import { type AggregationOption, aggregationOf } from './aggregation.ts';
import { limitOf } from './cardinality.ts';
import {
  type CollectedMetric,
  type CollectedScope,
  type Collection,
  type CollectionResult,
  type Descriptor,
  type InstrumentKind,
  type MeterScope,
  temporality,
} from './collected.ts';
import type { SondeMeter } from './meter.ts';
import type { StreamShape } from './stream.ts';
import { Turn } from './turn.ts';
import { keyTest, type View, type ViewOptions } from './views.ts';

/** `IMetricReader` of sdk-metrics, as far as a provider uses it. */
export interface Reader {
  setMetricProducer(producer: {
    collect(options?: CollectOptions): Promise<CollectionResult>;
    collectLast(): Collection;
  }): void;
  /** One last collection in this very turn: the process is about to be over. */
  collectLast?(): void;
  selectAggregation?(kind: InstrumentKind): AggregationOption | undefined;
  selectAggregationTemporality?(kind: InstrumentKind): number;
  selectCardinalityLimit?(kind: InstrumentKind): number | undefined;
  forceFlush(options?: { timeoutMillis?: number }): Promise<void>;
  shutdown(options?: { timeoutMillis?: number }): Promise<void>;
}

export interface CollectOptions {
  readonly timeoutMillis?: number;
}

/** Metrics that somebody else keeps, cumulative. */
export type Producer = () => Promise<readonly CollectedScope[]>;

export class Collector {
  readonly reader: Reader;
  readonly #views: readonly View[];
  readonly #meters: () => Iterable<SondeMeter>;
  readonly #resource: unknown;
  readonly #hasExemplars: boolean;
  readonly #producers: Iterable<Producer>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    reader: Reader,
    parts: {
      readonly views: readonly View[];
      readonly meters: () => Iterable<SondeMeter>;
      readonly resource: unknown;
      readonly hasExemplars: boolean;
      readonly producers: Iterable<Producer>;
    },
  ) {
    this.reader = reader;
    this.#views = parts.views;
    this.#meters = parts.meters;
    this.#resource = parts.resource;
    this.#hasExemplars = parts.hasExemplars;
    this.#producers = parts.producers;
  }

  /** One stream for each view that selects the instrument; one as the reader likes it where none does. */
  shapesOf(instrument: Descriptor, scope: MeterScope, isRecorded: boolean): StreamShape[] {
    const views = this.#views.filter((view) => view.selects(instrument, scope));
    const shapes =
      views.length === 0
        ? [this.#shapeOf(instrument, isRecorded, undefined)]
        : views.map((view) => this.#shapeOf(instrument, isRecorded, view));
    return shapes.filter((shape) => shape !== undefined);
  }

  #shapeOf(instrument: Descriptor, isRecorded: boolean, view: View | undefined): StreamShape | undefined {
    const options: ViewOptions = view?.options ?? {};
    const { type, advice } = instrument;
    const aggregation = this.#aggregationOf(instrument, options);
    if (aggregation === undefined) return undefined;
    const advised = view === undefined ? namesOf(advice.attributes) : undefined;
    return {
      descriptor: {
        ...instrument,
        name: options.name ?? instrument.name,
        description: options.description ?? instrument.description,
      },
      aggregation,
      isDelta: this.reader.selectAggregationTemporality?.(type) === temporality.delta,
      limit: limitOf(options.aggregationCardinalityLimit, this.reader.selectCardinalityLimit?.(type)),
      withExemplars: isRecorded && this.#hasExemplars,
      keeps: view === undefined ? keyTest(advised, undefined) : view.keeps,
      processors: options.attributesProcessors ?? [],
    };
  }

  #aggregationOf({ name, type, advice }: Descriptor, { aggregation }: ViewOptions) {
    const isNamed = aggregation !== undefined && aggregation.type !== 0;
    const wanted = isNamed ? aggregation : (this.reader.selectAggregation?.(type) ?? { type: 0 });
    try {
      return aggregationOf(type, advice, wanted);
    } catch (error) {
      diagnostics.warnOnce(
        `aggregation ${name}`,
        'SONDE_ERR_METRIC',
        `Metric ${JSON.stringify(name)} is aggregated as usual: ${(error as Error).message}`,
      );
      return aggregationOf(type, advice, { type: 0 });
    }
  }

  /** What the reader asks for. One collection after the other: each begins where the one before ended. */
  collect(options: CollectOptions = {}): Promise<CollectionResult> {
    const next = this.#last.then(() => this.#collect(options));
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** The end of the process: without the callbacks that answer later, for nobody can wait for them. */
  collectLast(): Collection {
    for (const meter of this.#meters()) void meter.ask(this, 0);
    const scopeMetrics = this.collectNow().filter(({ metrics }) => metrics.length > 0);
    return { resource: this.#resource, scopeMetrics };
  }

  async #collect({ timeoutMillis }: CollectOptions): Promise<CollectionResult> {
    const meters = [...this.#meters()];
    const errors = await Promise.all(meters.map((meter) => meter.ask(this, timeoutMillis)));
    const scopeMetrics: CollectedScope[] = [];
    const turn = new Turn();
    for (const meter of meters) {
      const metrics: CollectedMetric[] = [];
      const points = meter.collect(this);
      for (let next = nextOf(points); !next.done; next = nextOf(points)) {
        metrics.push(next.value);
        if (turn.isOver()) await turn.next();
      }
      if (metrics.length > 0) scopeMetrics.push({ scope: meter.scope, metrics });
    }
    for (const producer of this.#producers) scopeMetrics.push(...(await produced(producer, errors)));
    return { resourceMetrics: { resource: this.#resource, scopeMetrics }, errors: errors.flat() };
  }

  /** What is measured up to now, without asking anybody: the process ends. */
  collectNow(): CollectedScope[] {
    return [...this.#meters()].map((meter) => ({ scope: meter.scope, metrics: [...meter.collect(this)] }));
  }
}

const nextOf = timed(always, (points: Iterator<CollectedMetric, void>) => points.next());

async function produced(producer: Producer, errors: unknown[]): Promise<readonly CollectedScope[]> {
  try {
    return await producer();
  } catch (error) {
    errors.push(error);
    return [];
  }
}

function namesOf(given: unknown): string[] | undefined {
  return Array.isArray(given) ? given.filter((name) => typeof name === 'string') : undefined;
}
