/** Collected metrics as OTLP's protobuf, exemplars included, for which OpenTelemetry's own serializer has no code. */
import type { Attributes } from '@opentelemetry/api';
import {
  type CollectedMetric,
  type CollectedScope,
  type Collection,
  type DataPoint,
  type Exemplar,
  type ExponentialBuckets,
  type ExponentialValue,
  type HistogramValue,
  type MeterScope,
  pointType,
} from '../../src/metrics/collected.ts';
import type { ResourceLike } from './log-record.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** ExportMetricsServiceRequest. Field numbers are those of opentelemetry/proto/metrics/v1/metrics.proto. */
export function metricsProtobuf(collection: Collection<ResourceLike>): Uint8Array {
  const writer = new ProtobufWriter();
  writer.message(1, () => {
    writer.message(1, () => attributes(writer, 1, collection.resource.attributes));
    for (const scope of collection.scopeMetrics) writer.message(2, () => scopeMetrics(writer, scope));
    if (collection.resource.schemaUrl) writer.text(3, collection.resource.schemaUrl);
  });
  return writer.finish();
}

function scopeMetrics(writer: ProtobufWriter, { scope, metrics }: CollectedScope): void {
  writer.message(1, () => scopeMessage(writer, scope));
  for (const each of metrics) writer.message(2, () => metric(writer, each));
  if (scope.schemaUrl) writer.text(3, scope.schemaUrl);
}

function scopeMessage(writer: ProtobufWriter, { name, version }: MeterScope): void {
  writer.text(1, name);
  if (version) writer.text(2, version);
}

function metric(writer: ProtobufWriter, given: CollectedMetric): void {
  const { name, description, unit } = given.descriptor;
  writer.text(1, name);
  if (description) writer.text(2, description);
  if (unit) writer.text(3, unit);
  writer.message(fieldOf[given.dataPointType] as number, () => data(writer, given));
}

const fieldOf: Readonly<Record<number, number>> = {
  [pointType.gauge]: 5,
  [pointType.sum]: 7,
  [pointType.histogram]: 9,
  [pointType.exponential]: 10,
};

function data(writer: ProtobufWriter, given: CollectedMetric): void {
  const { dataPoints, dataPointType, descriptor } = given;
  const isInteger = descriptor.valueType === 0;
  for (const point of dataPoints) {
    writer.message(1, () => {
      if (dataPointType === pointType.histogram) histogramPoint(writer, point as DataPoint<HistogramValue>);
      else if (dataPointType === pointType.exponential)
        exponentialPoint(writer, point as DataPoint<ExponentialValue>);
      else numberPoint(writer, point as DataPoint<number>, isInteger);
    });
  }
  if (dataPointType !== pointType.gauge) writer.unsigned(2, given.aggregationTemporality + 1);
  if (dataPointType === pointType.sum && given.isMonotonic) writer.unsigned(3, 1);
}

function times(writer: ProtobufWriter, { startTime, endTime }: DataPoint): void {
  writer.nanos(2, startTime);
  writer.nanos(3, endTime);
}

function numberPoint(writer: ProtobufWriter, point: DataPoint<number>, isInteger: boolean): void {
  times(writer, point);
  if (isInteger) writer.signedFixed(6, point.value);
  else writer.double(4, point.value);
  exemplars(writer, 5, point.exemplars);
  attributes(writer, 7, point.attributes);
}

function histogramPoint(writer: ProtobufWriter, point: DataPoint<HistogramValue>): void {
  const { count, sum, min, max, buckets } = point.value;
  times(writer, point);
  writer.fixed(4, count);
  if (sum !== undefined) writer.double(5, sum);
  writer.packedFixed(6, buckets.counts);
  if (buckets.boundaries.length > 0) writer.packedDoubles(7, buckets.boundaries);
  exemplars(writer, 8, point.exemplars);
  attributes(writer, 9, point.attributes);
  if (min !== undefined) writer.double(11, min);
  if (max !== undefined) writer.double(12, max);
}

function exponentialPoint(writer: ProtobufWriter, point: DataPoint<ExponentialValue>): void {
  const { count, sum, min, max, scale, zeroCount, positive, negative } = point.value;
  attributes(writer, 1, point.attributes);
  times(writer, point);
  writer.fixed(4, count);
  if (sum !== undefined) writer.double(5, sum);
  if (scale !== 0) writer.zigzag(6, scale);
  writer.fixed(7, zeroCount);
  writer.message(8, () => buckets(writer, positive));
  writer.message(9, () => buckets(writer, negative));
  exemplars(writer, 11, point.exemplars);
  if (min !== undefined) writer.double(12, min);
  if (max !== undefined) writer.double(13, max);
}

function buckets(writer: ProtobufWriter, { offset, bucketCounts }: ExponentialBuckets): void {
  if (offset !== 0) writer.zigzag(1, offset);
  if (bucketCounts.length > 0) writer.packedUnsigned(2, bucketCounts);
}

function exemplars(writer: ProtobufWriter, field: number, given: readonly Exemplar[] | undefined): void {
  for (const { value, timestamp, traceId, spanId, filteredAttributes } of given ?? []) {
    writer.message(field, () => {
      writer.nanos(2, timestamp);
      writer.double(3, value);
      if (spanId !== undefined) writer.hex(4, spanId);
      if (traceId !== undefined) writer.hex(5, traceId);
      attributes(writer, 7, filteredAttributes);
    });
  }
}

function attributes(writer: ProtobufWriter, field: number, given: Attributes | object | undefined): void {
  for (const [key, value] of Object.entries(given ?? {})) {
    writer.message(field, () => {
      writer.text(1, key);
      writer.message(2, () => anyValue(writer, value));
    });
  }
}

const int64 = 2 ** 63;

function anyValue(writer: ProtobufWriter, value: unknown): void {
  if (typeof value === 'string') writer.text(1, value);
  else if (typeof value === 'boolean') writer.unsigned(2, value ? 1 : 0);
  else if (typeof value === 'number') numberValue(writer, value);
  else if (typeof value === 'object' && value !== null) composite(writer, value);
}

function numberValue(writer: ProtobufWriter, value: number): void {
  const isInt64 = Number.isInteger(value) && value >= -int64 && value < int64;
  if (isInt64) writer.signed(3, value);
  else writer.double(4, value);
}

function composite(writer: ProtobufWriter, value: object): void {
  if (value instanceof Uint8Array) writer.bytes(7, value);
  else if (Array.isArray(value)) writer.message(5, () => items(writer, value));
  else writer.message(6, () => attributes(writer, 1, value));
}

function items(writer: ProtobufWriter, list: readonly unknown[]): void {
  for (const item of list) writer.message(1, () => anyValue(writer, item));
}
