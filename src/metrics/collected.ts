/** What a collection is made of: the shapes of `@opentelemetry/sdk-metrics`, and the exemplars it has no place for. */
import type { Attributes, HrTime, ValueType } from '@opentelemetry/api';

/** `InstrumentType` of sdk-metrics, which would bring all of the package along. */
export type InstrumentKind =
  | 'COUNTER'
  | 'GAUGE'
  | 'HISTOGRAM'
  | 'UP_DOWN_COUNTER'
  | 'OBSERVABLE_COUNTER'
  | 'OBSERVABLE_GAUGE'
  | 'OBSERVABLE_UP_DOWN_COUNTER';

/** `AggregationTemporality` by number. */
export const temporality = { delta: 0, cumulative: 1 } as const;

/** `DataPointType` by number. */
export const pointType = { histogram: 0, exponential: 1, gauge: 2, sum: 3 } as const;

/** What is known of a metric, whoever made it. */
export interface MetricDescriptor {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly valueType: ValueType;
}

/** What an instrument says of itself, after the view. */
export interface Descriptor extends MetricDescriptor {
  readonly type: InstrumentKind;
  readonly advice: Advice;
}

export interface Advice {
  readonly explicitBucketBoundaries?: readonly number[];
  /** The only attributes that make series, where no view says else. */
  readonly attributes?: readonly string[];
}

export interface HistogramValue {
  readonly buckets: { readonly boundaries: number[]; readonly counts: number[] };
  readonly count: number;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
}

export interface ExponentialValue {
  readonly count: number;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
  readonly scale: number;
  readonly zeroCount: number;
  readonly positive: ExponentialBuckets;
  readonly negative: ExponentialBuckets;
}

export interface ExponentialBuckets {
  readonly offset: number;
  readonly bucketCounts: number[];
}

/** One measurement, kept whole: the way from a chart to the trace. */
export interface Exemplar {
  readonly value: number;
  readonly timestamp: HrTime;
  readonly traceId?: string;
  readonly spanId?: string;
  /** What the series does not say: attributes that a view took off, and the correlation id. */
  readonly filteredAttributes: Attributes;
}

export type PointValue = number | HistogramValue | ExponentialValue;

export interface DataPoint<V extends PointValue = PointValue> {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly attributes: Attributes;
  readonly value: V;
  readonly exemplars?: readonly Exemplar[];
}

export interface CollectedMetric {
  readonly descriptor: MetricDescriptor;
  readonly aggregationTemporality: number;
  readonly dataPointType: number;
  /** Of sums only. */
  readonly isMonotonic?: boolean;
  readonly dataPoints: readonly DataPoint[];
}

export interface MeterScope {
  readonly name: string;
  readonly version?: string;
  readonly schemaUrl?: string;
}

export interface CollectedScope {
  readonly scope: MeterScope;
  readonly metrics: readonly CollectedMetric[];
}

export interface Collection<Resource = unknown> {
  readonly resource: Resource;
  readonly scopeMetrics: readonly CollectedScope[];
}

export interface CollectionResult<Resource = unknown> {
  readonly resourceMetrics: Collection<Resource>;
  readonly errors: unknown[];
}

/** Epoch milliseconds as seconds and nanoseconds. */
export function hrTime(millis: number): HrTime {
  const seconds = Math.floor(millis / 1000);
  return [seconds, Math.round((millis - seconds * 1000) * 1e6)];
}
