/**
 * OTLP as published, written down a second time: field names and numbers for an independent protobuf library, and
 * the rules of its JSON form. Nothing here comes from the exporter that is tested with it.
 */
import protobuf from 'protobufjs';

const messages = `
syntax = "proto3";
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
  ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3;
  uint32 dropped_attributes_count = 4; }

message TracesRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10; repeated SpanEvent events = 11; uint32 dropped_events_count = 12;
  repeated SpanLink links = 13; uint32 dropped_links_count = 14; SpanStatus status = 15; fixed32 flags = 16; }
message SpanEvent { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3;
  uint32 dropped_attributes_count = 4; }
message SpanLink { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4;
  uint32 dropped_attributes_count = 5; fixed32 flags = 6; }
message SpanStatus { string message = 2; int32 code = 3; }

message LogsRequest { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message LogRecord { fixed64 time_unix_nano = 1; int32 severity_number = 2; string severity_text = 3; AnyValue body = 5;
  repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9;
  bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12; }

message MetricsRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message Metric { string name = 1; string description = 2; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7;
  Histogram histogram = 9; ExponentialHistogram exponential_histogram = 10; } repeated KeyValue metadata = 12; }
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum { repeated NumberDataPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
message Histogram { repeated HistogramDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message ExponentialHistogram { repeated ExponentialHistogramDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message NumberDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; } repeated Exemplar exemplars = 5;
  repeated KeyValue attributes = 7; uint32 flags = 8; }
message HistogramDataPoint { fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  optional double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
  repeated Exemplar exemplars = 8; repeated KeyValue attributes = 9; uint32 flags = 10; optional double min = 11;
  optional double max = 12; }
message ExponentialHistogramDataPoint { repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3; fixed64 count = 4; optional double sum = 5; sint32 scale = 6; fixed64 zero_count = 7;
  Buckets positive = 8; Buckets negative = 9; uint32 flags = 10; repeated Exemplar exemplars = 11;
  optional double min = 12; optional double max = 13; double zero_threshold = 14; }
message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
message Exemplar { fixed64 time_unix_nano = 2; oneof value { double as_double = 3; sfixed64 as_int = 6; } bytes span_id = 4;
  bytes trace_id = 5; repeated KeyValue filtered_attributes = 7; }

message TracesResponse { TracesPartialSuccess partial_success = 1; }
message TracesPartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
message LogsResponse { LogsPartialSuccess partial_success = 1; }
message LogsPartialSuccess { int64 rejected_log_records = 1; string error_message = 2; }
message MetricsResponse { MetricsPartialSuccess partial_success = 1; }
message MetricsPartialSuccess { int64 rejected_data_points = 1; string error_message = 2; }
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message Any { string type_url = 1; bytes value = 2; }
message RetryInfo { Duration retry_delay = 1; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
`;

const { root } = protobuf.parse(messages);
root.resolveAll();

/** A decoded message: field names in camelCase, 64-bit integers as bigint, bytes as Buffer. */
export type Decoded = { readonly [field: string]: any };

const wide = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);
const hexIds = new Set(['traceId', 'spanId', 'parentSpanId']);

/** Reads `bytes` as the message of that name. Throws on anything that is not one. */
export function decode(message: string, bytes: Uint8Array): Decoded {
  const type = root.lookupType(message);
  return plain(type, type.decode(bytes) as unknown as Decoded);
}

/** The bytes of a message given as a plain object. */
export function encode(message: string, value: object): Buffer {
  const type = root.lookupType(message);
  return Buffer.from(type.encode(type.fromObject(value)).finish());
}

function plain(type: protobuf.Type, message: Decoded): Decoded {
  const result: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    if (!Object.hasOwn(message, field.name)) continue;
    const value = message[field.name];
    result[field.name] = field.repeated
      ? value.map((item: unknown) => plainValue(field, item))
      : plainValue(field, value);
  }
  return result;
}

function plainValue(field: protobuf.Field, value: any): unknown {
  if (field.resolvedType instanceof protobuf.Type) return plain(field.resolvedType, value);
  if (wide.has(field.type)) return BigInt(value.toString());
  return field.type === 'bytes' ? Buffer.from(value) : value;
}

/**
 * Reads the JSON form of a message by OTLP's rules and gives it back as `decode` does. What breaks a rule throws
 * with its place: unknown names, 64-bit integers that are not decimal strings, ids that are not lower-case hex,
 * numbers that are `null`.
 */
export function decodeJson(message: string, text: string): Decoded {
  return fromJson(root.lookupType(message), JSON.parse(text), message);
}

function fromJson(type: protobuf.Type, value: any, place: string): Decoded {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(place, 'is not an object');
  const result: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    const field = type.fields[name];
    if (field === undefined) return fail(`${place}.${name}`, 'is not a field');
    result[name] = field.repeated
      ? list(given, `${place}.${name}`).map((item, i) => jsonValue(field, item, `${place}.${name}[${i}]`))
      : jsonValue(field, given, `${place}.${name}`);
  }
  return result;
}

function list(value: unknown, place: string): unknown[] {
  return Array.isArray(value) ? value : fail(place, 'is not a list');
}

function jsonValue(field: protobuf.Field, value: any, place: string): unknown {
  if (field.resolvedType instanceof protobuf.Type) return fromJson(field.resolvedType, value, place);
  if (wide.has(field.type)) return wideInteger(value, place);
  if (field.type === 'bytes') return bytes(field.name, value, place);
  if (field.type === 'double') return double(value, place);
  const kind = field.type === 'string' ? 'string' : field.type === 'bool' ? 'boolean' : 'number';
  return typeof value === kind ? value : fail(place, `is ${JSON.stringify(value)}, not a ${kind}`);
}

function wideInteger(value: unknown, place: string): bigint {
  if (typeof value !== 'string' || !/^-?\d+$/.test(value)) fail(place, 'is not a decimal string');
  return BigInt(value as string);
}

function double(value: unknown, place: string): number {
  if (typeof value === 'number') return value;
  return ['NaN', 'Infinity', '-Infinity'].includes(value as string)
    ? Number(value)
    : fail(place, 'is no number');
}

function bytes(name: string, value: unknown, place: string): Buffer {
  if (typeof value !== 'string') return fail(place, 'is not a string');
  if (!hexIds.has(name)) return Buffer.from(value, 'base64');
  const length = name === 'traceId' ? 32 : 16;
  const right = new RegExp(`^([0-9a-f]{${length}})?$`).test(value);
  return right ? Buffer.from(value, 'hex') : fail(place, 'is not a hex id');
}

function fail(place: string, what: string): never {
  throw new Error(`${place} ${what}`);
}

/** Attributes as a plain map; integers as numbers where they fit. */
export function attributesOf(list: readonly Decoded[] = []): Record<string, unknown> {
  return Object.fromEntries(list.map((pair) => [pair.key, plainAnyValue(pair.value)]));
}

/** The JavaScript value of an AnyValue; an empty one is `null`. */
export function plainAnyValue(any: Decoded | undefined): unknown {
  const [kind, value] = Object.entries(any ?? {})[0] ?? [];
  if (kind === 'arrayValue') return (value.values ?? []).map(plainAnyValue);
  if (kind === 'kvlistValue') return attributesOf(value.values);
  if (kind === 'intValue') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return value ?? null;
}
