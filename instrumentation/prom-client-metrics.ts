/** Metrics as prom-client tells them, as a collection has them. */
import type { Attributes, HrTime } from '@opentelemetry/api';
import {
  type CollectedMetric,
  type CollectedScope,
  type DataPoint,
  type Exemplar,
  hrTime,
  pointType,
  temporality,
} from '../src/metrics/collected.ts';
import { seriesAttributes, seriesKey } from '../src/metrics/series-key.ts';

interface PromValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Of a histogram or a summary: `name_bucket`, `name_sum`, `name_count`. */
  readonly metricName?: string;
  readonly exemplar?: {
    readonly labelSet: Readonly<Record<string, string>>;
    readonly value: number;
    readonly timestamp: number;
  } | null;
}

/** One item of `registry.getMetricsAsJSON()`. */
export interface PromMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly values: readonly PromValue[];
}

/** Default metrics of prom-client that Sonde makes, too, to the name they have there. */
const sondesOwn: Readonly<Record<string, string>> = {
  nodejs_eventloop_lag_min_seconds: 'nodejs.eventloop.delay.min',
  nodejs_eventloop_lag_max_seconds: 'nodejs.eventloop.delay.max',
  nodejs_eventloop_lag_mean_seconds: 'nodejs.eventloop.delay.mean',
  nodejs_eventloop_lag_stddev_seconds: 'nodejs.eventloop.delay.stddev',
  nodejs_eventloop_lag_p50_seconds: 'nodejs.eventloop.delay.p50',
  nodejs_eventloop_lag_p90_seconds: 'nodejs.eventloop.delay.p90',
  nodejs_eventloop_lag_p99_seconds: 'nodejs.eventloop.delay.p99',
  nodejs_gc_duration_seconds: 'v8js.gc.duration',
  nodejs_heap_space_size_total_bytes: 'v8js.memory.heap.space.size',
  nodejs_heap_space_size_used_bytes: 'v8js.memory.heap.used',
  nodejs_heap_space_size_available_bytes: 'v8js.memory.heap.space.available_size',
};

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/** Without what Sonde makes, too. Started when the library was loaded. */
export function scopeOf(metrics: readonly PromMetric[], startMillis: number): CollectedScope {
  const times = { startTime: hrTime(startMillis), endTime: hrTime(Date.now()) };
  const others = metrics.filter(({ name }) => !Object.hasOwn(sondesOwn, name));
  return { scope: { name: 'prom-client' }, metrics: others.flatMap((metric) => collected(metric, times)) };
}

function collected(metric: PromMetric, times: Times): CollectedMetric[] {
  if (metric.values.length === 0) return [];
  if (metric.type === 'histogram') return [histogram(metric, times)];
  if (metric.type === 'summary') return summary(metric, times);
  return [numbers(metric, metric.name, metric.type === 'counter', metric.values, times)];
}

function numbers(
  { help }: PromMetric,
  name: string,
  isCounter: boolean,
  values: readonly PromValue[],
  times: Times,
): CollectedMetric {
  const dataPoints = values.map(({ value, labels, exemplar }) => ({
    ...times,
    attributes: seriesAttributes(labels),
    value,
    ...exemplarsOf([exemplar]),
  }));
  const descriptor = { name, description: help, unit: '', valueType: 1 };
  const shared = { descriptor, aggregationTemporality: temporality.cumulative, dataPoints };
  return isCounter
    ? { ...shared, dataPointType: pointType.sum, isMonotonic: true }
    : { ...shared, dataPointType: pointType.gauge };
}

/** Quantiles cannot be added up or sent as what they are: each is a gauge, beside the count and the sum. */
function summary(metric: PromMetric, times: Times): CollectedMetric[] {
  const { name, values } = metric;
  const part = (suffix: string) => values.filter(({ metricName }) => metricName === `${name}${suffix}`);
  const quantiles = values.filter(({ metricName }) => metricName === undefined || metricName === name);
  return [
    numbers(metric, name, false, quantiles, times),
    ...['_sum', '_count'].map((suffix) => numbers(metric, name + suffix, false, part(suffix), times)),
  ].filter(({ dataPoints }) => dataPoints.length > 0);
}

interface Growing {
  readonly attributes: Attributes;
  /** Upper bound to the count of all that are not above it. */
  readonly buckets: [bound: number, total: number][];
  readonly exemplars: PromValue['exemplar'][];
  sum: number;
  count: number;
}

function histogram({ name, help, values }: PromMetric, times: Times): CollectedMetric {
  const series = new Map<string, Growing>();
  for (const value of values) grow(series, name, value);
  return {
    descriptor: { name, description: help, unit: '', valueType: 1 },
    aggregationTemporality: temporality.cumulative,
    dataPointType: pointType.histogram,
    dataPoints: [...series.values()].map((each) => histogramPoint(each, times)),
  };
}

function grow(series: Map<string, Growing>, name: string, given: PromValue): void {
  const { le, ...labels } = given.labels;
  const attributes = seriesAttributes(labels);
  const key = seriesKey(attributes);
  const known = series.get(key) ?? { attributes, buckets: [], exemplars: [], sum: 0, count: 0 };
  series.set(key, known);
  if (given.metricName === `${name}_sum`) known.sum = given.value;
  else if (given.metricName === `${name}_count`) known.count = given.value;
  else {
    known.buckets.push([le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), given.value]);
    known.exemplars.push(given.exemplar);
  }
}

function histogramPoint({ attributes, buckets, exemplars, sum, count }: Growing, times: Times): DataPoint {
  const sorted = buckets.sort(([a], [b]) => a - b);
  const boundaries = sorted.map(([bound]) => bound).filter(Number.isFinite);
  const totals = [...sorted.slice(0, boundaries.length).map(([, total]) => total), count];
  const counts = totals.map((total, at) => total - (at === 0 ? 0 : (totals[at - 1] as number)));
  const value = { buckets: { boundaries, counts }, count, sum };
  return { ...times, attributes, value, ...exemplarsOf(exemplars) };
}

function exemplarsOf(given: readonly PromValue['exemplar'][]): { exemplars?: Exemplar[] } {
  const exemplars = given
    .filter((each) => each !== undefined && each !== null)
    .map(({ labelSet, value, timestamp }): Exemplar => {
      const { trace_id, traceId = trace_id, span_id, spanId = span_id, ...rest } = labelSet;
      const filteredAttributes = seriesAttributes(rest);
      return { value, timestamp: hrTime(timestamp * 1000), traceId, spanId, filteredAttributes };
    });
  return exemplars.length > 0 ? { exemplars } : {};
}
