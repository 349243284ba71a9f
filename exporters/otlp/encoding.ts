/** Batches of one signal as request bodies, in either form. */
import {
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { OtlpProtocol } from '../../src/config/config.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { logsJson, metricsJson, tracesJson } from './json.ts';
import { type LogShape, toReadableLogs } from './log-record.ts';

/** What one signal's batches are made of. */
export interface ItemOf {
  traces: ReadableSpan;
  logs: LogRecord;
  metrics: ResourceMetrics;
}

export interface Encoded {
  readonly body: Uint8Array;
  /** Items that no serializer would take; they are not part of the body. */
  readonly unfit: number;
}

type Encode<Item> = (items: readonly Item[]) => Uint8Array;

/** Encodes spans; `encoded` around it leaves out the unfit. */
export function encodeTraces(protocol: OtlpProtocol): Encode<ReadableSpan> {
  if (protocol === 'http/json') return tracesJson;
  return (spans) => present(ProtobufTraceSerializer.serializeRequest(spans as ReadableSpan[]));
}

export function encodeLogs(protocol: OtlpProtocol, shape: LogShape): Encode<LogRecord> {
  if (protocol === 'http/json') return (records) => logsJson(toReadableLogs(records, shape));
  return (records) =>
    present(ProtobufLogsSerializer.serializeRequest(toReadableLogs(records, shape) as never));
}

/** One collection a request: the SDK hands over one at a time. */
export function encodeMetrics(protocol: OtlpProtocol): Encode<ResourceMetrics> {
  const one = protocol === 'http/json' ? metricsJson : protobufMetrics;
  return ([collection]) => one(collection as ResourceMetrics);
}

function protobufMetrics(collection: ResourceMetrics): Uint8Array {
  return present(ProtobufMetricsSerializer.serializeRequest(collection));
}

function present(body: Uint8Array | undefined): Uint8Array {
  if (body === undefined) throw new Error('not serialised');
  return body;
}

/** Encodes what can be encoded: an item that no serializer takes is left out alone. */
export function encoded<Item>(encode: Encode<Item>, items: readonly Item[]): Encoded {
  try {
    return { body: encode(items), unfit: 0 };
  } catch {
    const fit = items.filter((item) => isFit(encode, item));
    return { body: fit.length > 0 ? encode(fit) : new Uint8Array(), unfit: items.length - fit.length };
  }
}

function isFit<Item>(encode: Encode<Item>, item: Item): boolean {
  try {
    encode([item]);
    return true;
  } catch {
    return false;
  }
}
