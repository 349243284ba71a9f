/** From what a view or a reader asks for to the points of a stream. */
import type { Attributes } from '@opentelemetry/api';
import type { Advice, InstrumentKind } from './collected.ts';
import { pointType } from './collected.ts';
import { Reservoir } from './exemplars.ts';
import { ExponentialPoint } from './exponential.ts';
import { HistogramPoint, LastPoint, type Point, SumPoint } from './points.ts';

/** `AggregationOption` of sdk-metrics. */
export interface AggregationOption {
  readonly type: number;
  readonly options?: {
    readonly boundaries?: readonly number[];
    readonly recordMinMax?: boolean;
    readonly maxSize?: number;
  };
}

/** `AggregationType` by number. */
const wanted = { standard: 0, drop: 1, sum: 2, lastValue: 3, explicit: 4, exponential: 5 } as const;

/** Makes the points of one stream. */
export interface Aggregation {
  readonly dataPointType: number;
  readonly isMonotonic?: boolean;
  point(attributes: Attributes, startTime: number, withExemplars: boolean): Point;
}

const defaultBoundaries = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];
const mostBuckets = 160;
/** The specification's size for exponential histograms; one for everything else without buckets. */
const exponentialExemplars = 20;

const monotonic: ReadonlySet<InstrumentKind> = new Set(['COUNTER', 'OBSERVABLE_COUNTER', 'HISTOGRAM']);
/** Of these a histogram has no sum: what goes up and down adds up to nothing. */
const withoutSum: ReadonlySet<InstrumentKind> = new Set([
  'UP_DOWN_COUNTER',
  'OBSERVABLE_UP_DOWN_COUNTER',
  'OBSERVABLE_GAUGE',
  'GAUGE',
]);

/** The aggregation of an instrument; `undefined` when it is to be dropped. */
export function aggregationOf(
  kind: InstrumentKind,
  advice: Advice,
  { type, options = {} }: AggregationOption,
): Aggregation | undefined {
  switch (type) {
    case wanted.standard:
      return standard(kind, advice);
    case wanted.drop:
      return undefined;
    case wanted.sum:
      return sum(kind);
    case wanted.lastValue:
      return lastValue;
    case wanted.explicit:
      return explicit(
        kind,
        options.boundaries ?? advice.explicitBucketBoundaries,
        options.recordMinMax ?? true,
      );
    case wanted.exponential:
      return exponential(kind, options.maxSize ?? mostBuckets, options.recordMinMax ?? true);
    default:
      throw new Error(`There is no aggregation ${String(type)}.`);
  }
}

function standard(kind: InstrumentKind, advice: Advice): Aggregation {
  if (kind === 'HISTOGRAM') return explicit(kind, advice.explicitBucketBoundaries, true);
  return kind === 'GAUGE' || kind === 'OBSERVABLE_GAUGE' ? lastValue : sum(kind);
}

function few(withExemplars: boolean, size = 1): Reservoir | undefined {
  return withExemplars ? new Reservoir(size, false) : undefined;
}

function sum(kind: InstrumentKind): Aggregation {
  return {
    dataPointType: pointType.sum,
    isMonotonic: monotonic.has(kind),
    point: (attributes, startTime, exemplars) => new SumPoint(attributes, startTime, few(exemplars)),
  };
}

const lastValue: Aggregation = {
  dataPointType: pointType.gauge,
  point: (attributes, startTime, exemplars) => new LastPoint(attributes, startTime, few(exemplars)),
};

function explicit(
  kind: InstrumentKind,
  given: readonly number[] | undefined,
  hasMinMax: boolean,
): Aggregation {
  const boundaries = usableBoundaries(given) ?? defaultBoundaries;
  const shape = { boundaries, hasMinMax, hasSum: !withoutSum.has(kind) };
  return {
    dataPointType: pointType.histogram,
    point(attributes, startTime, exemplars) {
      const reservoir = exemplars ? new Reservoir(boundaries.length + 1, true) : undefined;
      return new HistogramPoint(shape, attributes, startTime, reservoir);
    },
  };
}

/** Ascending, finite, each once; `undefined` for what is no list of numbers. */
function usableBoundaries(given: unknown): number[] | undefined {
  if (!Array.isArray(given) || given.some((bound) => typeof bound !== 'number')) return undefined;
  return [...new Set(given.filter(Number.isFinite))].sort((a, b) => a - b);
}

function exponential(kind: InstrumentKind, maxSize: number, hasMinMax: boolean): Aggregation {
  const size = Number.isInteger(maxSize) && maxSize >= 2 ? maxSize : mostBuckets;
  const shape = { maxSize: size, hasMinMax, hasSum: !withoutSum.has(kind) };
  const kept = Math.min(exponentialExemplars, size);
  return {
    dataPointType: pointType.exponential,
    point: (attributes, startTime, exemplars) =>
      new ExponentialPoint(shape, attributes, startTime, few(exemplars, kept)),
  };
}
