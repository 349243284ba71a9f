/**
 * OTLP's JSON form. OpenTelemetry's own JSON serializers write 64-bit integers as numbers and lose NaN and
 * infinities, which OTLP's JSON rules forbid; these write decimal strings, hex ids and the three names.
 */
import type { HrTime } from '@opentelemetry/api';
import type {
  DataPoint,
  ExponentialHistogram,
  Histogram,
  MetricData,
  ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { ReadableLogRecord, ResourceLike, Scope } from './log-record.ts';

type Json = Record<string, unknown>;

/** ExportTraceServiceRequest as UTF-8 JSON. */
export function tracesJson(spans: readonly ReadableSpan[]): Uint8Array {
  return bytes({ resourceSpans: grouped(spans, 'scopeSpans', 'spans', span) });
}

/** ExportLogsServiceRequest as UTF-8 JSON. */
export function logsJson(records: readonly ReadableLogRecord[]): Uint8Array {
  return bytes({ resourceLogs: grouped(records, 'scopeLogs', 'logRecords', logRecord) });
}

/** ExportMetricsServiceRequest as UTF-8 JSON. */
export function metricsJson({ resource, scopeMetrics }: ResourceMetrics): Uint8Array {
  const groups = scopeMetrics.map((group) => ({
    scope: scopeJson(group.scope),
    metrics: group.metrics.map(metric),
    schemaUrl: group.scope.schemaUrl,
  }));
  return bytes({ resourceMetrics: [{ resource: resourceJson(resource), scopeMetrics: groups }] });
}

function bytes(request: Json): Uint8Array {
  return Buffer.from(JSON.stringify(request));
}

interface Placed {
  readonly resource: ResourceLike;
  readonly instrumentationScope: Scope;
}

function grouped<T extends Placed>(
  items: readonly T[],
  groupsName: string,
  itemsName: string,
  write: (item: T) => Json,
): Json[] {
  return [...Map.groupBy(items, (item) => item.resource)].map(([resource, own]) => ({
    resource: resourceJson(resource),
    [groupsName]: [...Map.groupBy(own, (item) => item.instrumentationScope)].map(([scope, members]) => ({
      scope: scopeJson(scope),
      [itemsName]: members.map(write),
      schemaUrl: scope.schemaUrl,
    })),
    schemaUrl: resource.schemaUrl,
  }));
}

function resourceJson({ attributes }: ResourceLike): Json {
  return { attributes: keyValues(attributes) };
}

function scopeJson({ name, version, attributes }: Scope): Json {
  return { name, version, attributes: attributes && keyValues(attributes) };
}

function span(given: ReadableSpan): Json {
  const { traceId, spanId, traceFlags, traceState } = given.spanContext();
  const parent = given.parentSpanContext;
  return {
    traceId,
    spanId,
    traceState: traceState?.serialize() || undefined,
    parentSpanId: parent?.spanId,
    name: given.name,
    kind: (given.kind ?? -1) + 1,
    startTimeUnixNano: nanos(given.startTime),
    endTimeUnixNano: nanos(given.endTime),
    attributes: keyValues(given.attributes),
    droppedAttributesCount: given.droppedAttributesCount,
    events: given.events.map((event) => ({
      timeUnixNano: nanos(event.time),
      name: event.name,
      attributes: keyValues(event.attributes),
      droppedAttributesCount: event.droppedAttributesCount,
    })),
    droppedEventsCount: given.droppedEventsCount,
    links: given.links.map(({ context, attributes, droppedAttributesCount }) => ({
      traceId: context.traceId,
      spanId: context.spanId,
      traceState: context.traceState?.serialize() || undefined,
      attributes: keyValues(attributes),
      droppedAttributesCount,
      flags: flags(context.traceFlags, context.isRemote),
    })),
    droppedLinksCount: given.droppedLinksCount,
    status: { code: given.status.code, message: given.status.message },
    flags: flags(traceFlags, parent?.isRemote),
  };
}

/** Bit 8 says that bit 9 is meant; bit 9 that the parent came from elsewhere. */
function flags(traceFlags: number, isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | 0x100 | (isRemote ? 0x200 : 0);
}

function logRecord(record: ReadableLogRecord): Json {
  return {
    timeUnixNano: nanos(record.hrTime),
    observedTimeUnixNano: nanos(record.hrTimeObserved),
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    body: anyValue(record.body),
    attributes: keyValues(record.attributes),
    droppedAttributesCount: record.droppedAttributesCount,
    flags: record.spanContext?.traceFlags,
    traceId: record.spanContext?.traceId,
    spanId: record.spanContext?.spanId,
    eventName: record.eventName,
  };
}

/** sdk-metrics' DataPointType, by number: its enum would bring all of the package along. */
const histogramType = 0;
const exponentialType = 1;
const gaugeType = 2;

function metric(data: MetricData): Json {
  const { name, description, unit } = data.descriptor;
  return { name, description, unit, ...points(data) };
}

function points(data: MetricData): Json {
  const aggregationTemporality = data.aggregationTemporality + 1;
  const type: number = data.dataPointType;
  if (type === histogramType) {
    const dataPoints = (data.dataPoints as DataPoint<Histogram>[]).map(histogramPoint);
    return { histogram: { dataPoints, aggregationTemporality } };
  }
  if (type === exponentialType) {
    const dataPoints = (data.dataPoints as DataPoint<ExponentialHistogram>[]).map(exponentialPoint);
    return { exponentialHistogram: { dataPoints, aggregationTemporality } };
  }
  const integer = data.descriptor.valueType === 0;
  const dataPoints = (data.dataPoints as DataPoint<number>[]).map((point) => ({
    ...common(point),
    ...(integer ? { asInt: wide(point.value) } : { asDouble: double(point.value) }),
  }));
  if (type === gaugeType) return { gauge: { dataPoints } };
  const { isMonotonic } = data as { isMonotonic?: boolean };
  return { sum: { dataPoints, aggregationTemporality, isMonotonic } };
}

function common({ attributes, startTime, endTime }: DataPoint<unknown>): Json {
  return {
    attributes: keyValues(attributes),
    startTimeUnixNano: nanos(startTime),
    timeUnixNano: nanos(endTime),
  };
}

function summary({ count, sum, min, max }: Histogram | ExponentialHistogram): Json {
  return { count: wide(count), sum: optional(sum), min: optional(min), max: optional(max) };
}

function histogramPoint(point: DataPoint<Histogram>): Json {
  const { boundaries, counts } = point.value.buckets;
  return {
    ...common(point),
    ...summary(point.value),
    bucketCounts: counts.map(wide),
    explicitBounds: boundaries.map(double),
  };
}

function exponentialPoint(point: DataPoint<ExponentialHistogram>): Json {
  const { scale, zeroCount, positive, negative } = point.value;
  const buckets = (side: { offset: number; bucketCounts: number[] }) => ({
    offset: side.offset,
    bucketCounts: side.bucketCounts.map(wide),
  });
  return {
    ...common(point),
    ...summary(point.value),
    scale,
    zeroCount: wide(zeroCount),
    positive: buckets(positive),
    negative: buckets(negative),
  };
}

function nanos([seconds, rest]: HrTime): string {
  return (BigInt(Math.trunc(seconds)) * 1_000_000_000n + BigInt(Math.trunc(rest))).toString();
}

function wide(value: number): string {
  return Number.isSafeInteger(value)
    ? String(value)
    : Number.isFinite(value)
      ? BigInt(Math.trunc(value)).toString()
      : '0';
}

function double(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function optional(value: number | undefined): number | string | undefined {
  return value === undefined ? undefined : double(value);
}

function keyValues(attributes: object | undefined): Json[] {
  return Object.entries(attributes ?? {}).map(([key, value]) => ({ key, value: anyValue(value) }));
}

const int64 = 2 ** 63;

function anyValue(value: unknown): Json {
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      return Number.isInteger(value) && value >= -int64 && value < int64
        ? { intValue: wide(value) }
        : { doubleValue: double(value) };
    case 'object':
      return value === null ? {} : composite(value);
    default:
      return {};
  }
}

function composite(value: object): Json {
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('base64') };
  // Not `map`, which leaves holes as they are: `null` in JSON, for which a receiver refuses the whole request.
  if (Array.isArray(value)) return { arrayValue: { values: Array.from(value, anyValue) } };
  return { kvlistValue: { values: keyValues(value) } };
}
