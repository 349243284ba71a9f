/**
 * OTLP's JSON form. OpenTelemetry's own JSON serializers write 64-bit integers as numbers and lose NaN and
 * infinities, which OTLP's JSON rules forbid; these write decimal strings, hex ids and the three names.
 */
import type { HrTime } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { LogRecord } from '../../src/logs/record.ts';
import {
  type CollectedMetric,
  type Collection,
  type DataPoint,
  type Exemplar,
  type ExponentialBuckets,
  type ExponentialValue,
  type HistogramValue,
  pointType,
} from '../../src/metrics/collected.ts';
import {
  type LogShape,
  logLimits,
  type ReadableLogRecord,
  type ResourceLike,
  type Scope,
  toReadableLog,
} from './log-record.ts';
import { type Codec, logOriginsOf, type OriginForm, originsOf, Packed } from './packed.ts';

type Json = Record<string, unknown>;

/** ExportTraceServiceRequest as UTF-8 JSON. */
export function jsonTraces(): Codec<ReadableSpan> {
  const origins = originsOf(originForm);
  return {
    pack(given) {
      const text = JSON.stringify(span(given));
      return new Packed(origins(given.resource, given.instrumentationScope), text);
    },
    request: (items) => Buffer.from(tracesRequest(items)),
  };
}

/** ExportLogsServiceRequest as UTF-8 JSON. */
export function jsonLogs(shape: LogShape): Codec<LogRecord> {
  const limits = logLimits(shape);
  const origins = logOriginsOf(originForm, shape.resource);
  return {
    pack(record) {
      const text = JSON.stringify(logRecord(toReadableLog(record, shape, limits)));
      return new Packed(origins(record.logger), text, record.severityNumber);
    },
    request: (items) => Buffer.from(logsRequest(items)),
  };
}

/** ExportTraceServiceRequest, which is also one line of OTLP's file exporter. */
export function tracesRequest(items: readonly Packed[]): string {
  return requestText(items, 'resourceSpans', 'scopeSpans', 'spans');
}

/** ExportLogsServiceRequest, which is also one line of OTLP's file exporter. */
export function logsRequest(items: readonly Packed[]): string {
  return requestText(items, 'resourceLogs', 'scopeLogs', 'logRecords');
}

/** Members of an object, without its brackets. */
const originForm: OriginForm = {
  resource: (given) => membersText({ resource: resourceJson(given), schemaUrl: given.schemaUrl }),
  scope: (given) => membersText({ scope: scopeJson(given), schemaUrl: given.schemaUrl }),
};

function membersText(members: Json): string {
  return JSON.stringify(members).slice(1, -1);
}

function requestText(items: readonly Packed[], resources: string, scopes: string, members: string): string {
  const texts = [...Map.groupBy(items, ({ origin }) => origin.resource)].map(([resource, own]) => {
    const inner = [...Map.groupBy(own, ({ origin }) => origin)].map(
      ([{ scope }, list]) => `{${scope},"${members}":[${list.map(({ content }) => content).join()}]}`,
    );
    return `{${resource},"${scopes}":[${inner.join()}]}`;
  });
  return `{"${resources}":[${texts.join()}]}`;
}

/** ExportMetricsServiceRequest as UTF-8 JSON. */
export function metricsJson({ resource, scopeMetrics }: Collection<ResourceLike>): Uint8Array {
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

function metric(data: CollectedMetric): Json {
  const { name, description, unit } = data.descriptor;
  return { name, description, unit, ...points(data) };
}

function points(data: CollectedMetric): Json {
  const aggregationTemporality = data.aggregationTemporality + 1;
  const type = data.dataPointType;
  if (type === pointType.histogram) {
    const dataPoints = (data.dataPoints as DataPoint<HistogramValue>[]).map(histogramPoint);
    return { histogram: { dataPoints, aggregationTemporality } };
  }
  if (type === pointType.exponential) {
    const dataPoints = (data.dataPoints as DataPoint<ExponentialValue>[]).map(exponentialPoint);
    return { exponentialHistogram: { dataPoints, aggregationTemporality } };
  }
  const integer = data.descriptor.valueType === 0;
  const dataPoints = (data.dataPoints as DataPoint<number>[]).map((point) => ({
    ...common(point),
    ...(integer ? { asInt: wide(point.value) } : { asDouble: double(point.value) }),
  }));
  if (type === pointType.gauge) return { gauge: { dataPoints } };
  return { sum: { dataPoints, aggregationTemporality, isMonotonic: data.isMonotonic } };
}

function common({ attributes, startTime, endTime, exemplars }: DataPoint): Json {
  return {
    attributes: keyValues(attributes),
    startTimeUnixNano: nanos(startTime),
    timeUnixNano: nanos(endTime),
    exemplars: exemplars?.map(exemplarJson),
  };
}

function exemplarJson({ value, timestamp, traceId, spanId, filteredAttributes }: Exemplar): Json {
  return {
    filteredAttributes: keyValues(filteredAttributes),
    timeUnixNano: nanos(timestamp),
    asDouble: double(value),
    spanId,
    traceId,
  };
}

function summary({ count, sum, min, max }: HistogramValue | ExponentialValue): Json {
  return { count: wide(count), sum: optional(sum), min: optional(min), max: optional(max) };
}

function histogramPoint(point: DataPoint<HistogramValue>): Json {
  const { boundaries, counts } = point.value.buckets;
  return {
    ...common(point),
    ...summary(point.value),
    bucketCounts: counts.map(wide),
    explicitBounds: boundaries.map(double),
  };
}

function exponentialPoint(point: DataPoint<ExponentialValue>): Json {
  const { scale, zeroCount, positive, negative } = point.value;
  const buckets = (side: ExponentialBuckets) => ({
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
