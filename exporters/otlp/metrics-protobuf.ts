/** Collected metrics as OTLP's protobuf, exemplars included, for which OpenTelemetry's own serializer has no code. */
import {
  type CollectedMetric,
  type CollectedScope,
  type Collection,
  type DataPoint,
  type Exemplar,
  type ExponentialBuckets,
  type ExponentialValue,
  type HistogramValue,
  pointType,
} from '../../src/metrics/collected.ts';
import { ChunkWriter, fixed64Field, lengthField, varintField } from './chunk-writer.ts';
import type { ResourceLike } from './log-record.ts';
import { originForm, writeAttributes } from './protobuf-values.ts';

// Field numbers are those of opentelemetry/proto/metrics/v1/metrics.proto.
const request = { resource: lengthField(1), scope: lengthField(2), metric: lengthField(2) };
const named = { name: lengthField(1), description: lengthField(2), unit: lengthField(3) };
const dataOf: Readonly<Record<number, number>> = {
  [pointType.gauge]: lengthField(5),
  [pointType.sum]: lengthField(7),
  [pointType.histogram]: lengthField(9),
  [pointType.exponential]: lengthField(10),
};
const dataFields = { point: lengthField(1), temporality: varintField(2), monotonic: varintField(3) };
/** Of every kind of point, and of an exemplar the second one. */
const time = { start: fixed64Field(2), end: fixed64Field(3) };
const number = {
  double: fixed64Field(4),
  integer: fixed64Field(6),
  exemplar: lengthField(5),
  attribute: lengthField(7),
};
const histogram = {
  count: fixed64Field(4),
  sum: fixed64Field(5),
  counts: lengthField(6),
  bounds: lengthField(7),
  exemplar: lengthField(8),
  attribute: lengthField(9),
  min: fixed64Field(11),
  max: fixed64Field(12),
};
const exponential = {
  attribute: lengthField(1),
  count: fixed64Field(4),
  sum: fixed64Field(5),
  scale: varintField(6),
  zeroCount: fixed64Field(7),
  positive: lengthField(8),
  negative: lengthField(9),
  exemplar: lengthField(11),
  min: fixed64Field(12),
  max: fixed64Field(13),
};
const bucketFields = { offset: varintField(1), counts: lengthField(2) };
const exemplarFields = {
  time: fixed64Field(2),
  value: fixed64Field(3),
  spanId: lengthField(4),
  traceId: lengthField(5),
  attribute: lengthField(7),
};

/** ExportMetricsServiceRequest. */
export function metricsProtobuf({ resource, scopeMetrics }: Collection<ResourceLike>): Uint8Array {
  const writer = new ChunkWriter();
  const opened = writer.open(request.resource);
  writer.raw(originForm.resource(resource));
  for (const scope of scopeMetrics) writeScope(writer, scope);
  writer.close(opened);
  return writer.copy();
}

function writeScope(writer: ChunkWriter, { scope, metrics }: CollectedScope): void {
  const opened = writer.open(request.scope);
  writer.raw(originForm.scope(scope));
  for (const metric of metrics) writeMetric(writer, metric);
  writer.close(opened);
}

function writeMetric(writer: ChunkWriter, given: CollectedMetric): void {
  const { name, description, unit } = given.descriptor;
  const opened = writer.open(request.metric);
  writer.string(named.name, name);
  if (description) writer.string(named.description, description);
  if (unit) writer.string(named.unit, unit);
  const data = writer.open(dataOf[given.dataPointType] as number);
  writeData(writer, given);
  writer.close(data);
  writer.close(opened);
}

function writeData(writer: ChunkWriter, given: CollectedMetric): void {
  const { dataPoints, dataPointType } = given;
  for (const point of dataPoints) {
    const opened = writer.open(dataFields.point);
    writer.time(time.start, ...point.startTime);
    writer.time(time.end, ...point.endTime);
    writePoint(writer, point, given);
    writer.close(opened);
  }
  if (dataPointType !== pointType.gauge)
    writer.varint(dataFields.temporality, given.aggregationTemporality + 1);
  if (dataPointType === pointType.sum && given.isMonotonic) writer.varint(dataFields.monotonic, 1);
}

function writePoint(
  writer: ChunkWriter,
  point: DataPoint,
  { dataPointType, descriptor }: CollectedMetric,
): void {
  if (dataPointType === pointType.histogram) histogramPoint(writer, point as DataPoint<HistogramValue>);
  else if (dataPointType === pointType.exponential)
    exponentialPoint(writer, point as DataPoint<ExponentialValue>);
  else numberPoint(writer, point as DataPoint<number>, descriptor.valueType === 0);
}

function numberPoint(writer: ChunkWriter, point: DataPoint<number>, isInteger: boolean): void {
  if (isInteger) writer.fixed64(number.integer, Math.trunc(point.value));
  else writer.double(number.double, point.value);
  writeExemplars(writer, number.exemplar, point.exemplars);
  writeAttributes(writer, number.attribute, point.attributes);
}

function histogramPoint(writer: ChunkWriter, point: DataPoint<HistogramValue>): void {
  const { count, sum, min, max, buckets } = point.value;
  writer.fixed64(histogram.count, count);
  if (sum !== undefined) writer.double(histogram.sum, sum);
  const counts = writer.open(histogram.counts);
  writer.fixed64s(buckets.counts);
  writer.close(counts);
  const bounds = writer.open(histogram.bounds);
  writer.doubles(buckets.boundaries);
  writer.close(bounds);
  writeExemplars(writer, histogram.exemplar, point.exemplars);
  writeAttributes(writer, histogram.attribute, point.attributes);
  if (min !== undefined) writer.double(histogram.min, min);
  if (max !== undefined) writer.double(histogram.max, max);
}

function exponentialPoint(writer: ChunkWriter, point: DataPoint<ExponentialValue>): void {
  const { count, sum, min, max, scale, zeroCount, positive, negative } = point.value;
  writeAttributes(writer, exponential.attribute, point.attributes);
  writer.fixed64(exponential.count, count);
  if (sum !== undefined) writer.double(exponential.sum, sum);
  if (scale !== 0) writer.varint(exponential.scale, zigzag(scale));
  writer.fixed64(exponential.zeroCount, zeroCount);
  writeBuckets(writer, exponential.positive, positive);
  writeBuckets(writer, exponential.negative, negative);
  writeExemplars(writer, exponential.exemplar, point.exemplars);
  if (min !== undefined) writer.double(exponential.min, min);
  if (max !== undefined) writer.double(exponential.max, max);
}

function writeBuckets(writer: ChunkWriter, tag: number, { offset, bucketCounts }: ExponentialBuckets): void {
  const opened = writer.open(tag);
  if (offset !== 0) writer.varint(bucketFields.offset, zigzag(offset));
  const counts = writer.open(bucketFields.counts);
  writer.varints(bucketCounts);
  writer.close(counts);
  writer.close(opened);
}

/** `sint32`: small negative numbers stay short. */
function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}

function writeExemplars(writer: ChunkWriter, tag: number, given: readonly Exemplar[] | undefined): void {
  for (const { value, timestamp, traceId, spanId, filteredAttributes } of given ?? []) {
    const opened = writer.open(tag);
    writer.time(exemplarFields.time, ...timestamp);
    writer.double(exemplarFields.value, value);
    if (spanId !== undefined) writer.hex(exemplarFields.spanId, spanId);
    if (traceId !== undefined) writer.hex(exemplarFields.traceId, traceId);
    writeAttributes(writer, exemplarFields.attribute, filteredAttributes);
    writer.close(opened);
  }
}
