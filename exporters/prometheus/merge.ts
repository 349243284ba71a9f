/** The metrics of several processes as those of one. */
import type { Attributes } from '@opentelemetry/api';
import {
  type CollectedMetric,
  type CollectedScope,
  type DataPoint,
  type ExponentialValue,
  type HistogramValue,
  type PointValue,
  pointType,
} from '../../src/metrics/collected.ts';
import { seriesKey } from '../../src/metrics/series-key.ts';

/** One process; `worker` tells its gauges apart from those of others. */
export interface Told {
  readonly scopes: readonly CollectedScope[];
  readonly worker?: number;
}

interface Merging {
  readonly metric: CollectedMetric;
  readonly points: Map<string, DataPoint>;
}

/** Counters, sums and histograms add up; a gauge has no sum and stays as many, told apart by `worker.id`. */
export function addUp(processes: readonly Told[]): CollectedScope[] {
  const scopes = new Map<string, { scope: CollectedScope['scope']; metrics: Map<string, Merging> }>();
  for (const { scopes: given, worker } of processes) {
    for (const { scope, metrics } of given) {
      const key = JSON.stringify([scope.name, scope.version, scope.schemaUrl]);
      const merged = scopes.get(key) ?? { scope, metrics: new Map() };
      scopes.set(key, merged);
      for (const metric of metrics) addMetric(merged.metrics, metric, worker);
    }
  }
  return [...scopes.values()].map(({ scope, metrics }) => ({
    scope,
    metrics: [...metrics.values()].map(({ metric, points }) => ({
      ...metric,
      dataPoints: [...points.values()],
    })),
  }));
}

function addMetric(metrics: Map<string, Merging>, metric: CollectedMetric, worker: number | undefined): void {
  const { descriptor, dataPointType } = metric;
  const key = `${dataPointType} ${metric.isMonotonic} ${descriptor.name}`;
  const merging = metrics.get(key) ?? { metric, points: new Map<string, DataPoint>() };
  metrics.set(key, merging);
  for (const point of metric.dataPoints) {
    const own = dataPointType === pointType.gauge ? ofWorker(point, worker) : point;
    const series = seriesKey(own.attributes);
    const before = merging.points.get(series);
    merging.points.set(series, before === undefined ? own : sumOf(before, own));
  }
}

function ofWorker(point: DataPoint, worker: number | undefined): DataPoint {
  if (worker === undefined) return point;
  const attributes: Attributes = { ...point.attributes, 'worker.id': worker };
  return { ...point, attributes };
}

/** Of two points that are one series. */
export function sumOf(a: DataPoint, b: DataPoint): DataPoint {
  const exemplars = [...(a.exemplars ?? []), ...(b.exemplars ?? [])];
  return { ...a, value: valueSum(a.value, b.value), ...(exemplars.length > 0 ? { exemplars } : undefined) };
}

function valueSum(a: PointValue, b: PointValue): PointValue {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) + Number(b);
  if ('buckets' in a && 'buckets' in b) return histogramSum(a, b);
  // Exponential ones have buckets of their own; their count and sum are what all have in common.
  return 'buckets' in a || 'buckets' in b ? a : exponentialSum(a, b);
}

function histogramSum(a: HistogramValue, b: HistogramValue): HistogramValue {
  if (a.buckets.counts.length !== b.buckets.counts.length) return a;
  const counts = a.buckets.counts.map((count, at) => count + (b.buckets.counts[at] as number));
  return {
    buckets: { boundaries: a.buckets.boundaries, counts },
    count: a.count + b.count,
    sum: a.sum === undefined || b.sum === undefined ? undefined : a.sum + b.sum,
  };
}

/** At the coarser scale of the two. */
function exponentialSum(a: ExponentialValue, b: ExponentialValue): ExponentialValue {
  const scale = Math.min(a.scale, b.scale);
  const side = (name: 'positive' | 'negative') =>
    bucketSum([
      { ...a[name], steps: a.scale - scale },
      { ...b[name], steps: b.scale - scale },
    ]);
  return {
    count: a.count + b.count,
    sum: a.sum === undefined || b.sum === undefined ? undefined : a.sum + b.sum,
    scale,
    zeroCount: a.zeroCount + b.zeroCount,
    positive: side('positive'),
    negative: side('negative'),
  };
}

function bucketSum(
  sides: readonly (ExponentialValue['positive'] & { readonly steps: number })[],
): ExponentialValue['positive'] {
  const counts = new Map<number, number>();
  for (const { offset, bucketCounts, steps } of sides) {
    for (const [at, count] of bucketCounts.entries()) {
      const index = (offset + at) >> steps;
      counts.set(index, (counts.get(index) ?? 0) + count);
    }
  }
  const offset = counts.size === 0 ? 0 : Math.min(...counts.keys());
  const last = counts.size === 0 ? -1 : Math.max(...counts.keys());
  const length = last - offset + 1;
  return { offset, bucketCounts: Array.from({ length }, (_, at) => counts.get(offset + at) ?? 0) };
}

/** What a process leaves behind: what it counted, not what it was. */
export function lasting(scopes: readonly CollectedScope[]): CollectedScope[] {
  return scopes.map(({ scope, metrics }) => ({
    scope,
    metrics: metrics.filter(({ dataPointType, isMonotonic }) =>
      dataPointType === pointType.sum ? isMonotonic === true : dataPointType !== pointType.gauge,
    ),
  }));
}
