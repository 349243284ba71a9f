/** Batches of one signal as request bodies, in either form. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { OtlpProtocol } from '../../src/config/config.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import type { Collection } from '../../src/metrics/collected.ts';
import { jsonLogs, jsonTraces, metricsJson } from './json.ts';
import type { LogShape, ResourceLike } from './log-record.ts';
import { metricsProtobuf } from './metrics-protobuf.ts';
import { type Codec, Packed } from './packed.ts';
import { protobufLogs } from './protobuf-logs.ts';
import { protobufTraces } from './protobuf-traces.ts';

/** What one signal's batches are made of. What is not packed yet is packed when it is sent. */
export interface ItemOf {
  traces: ReadableSpan | Packed;
  logs: LogRecord | Packed;
  metrics: Collection<ResourceLike>;
}

export interface Encoded {
  readonly body: Uint8Array;
  /** Items that no serializer would take; they are not part of the body. */
  readonly unfit: number;
}

/** The body of one request. */
type Encode<Item> = (items: readonly Item[]) => Uint8Array;

/** Encodes spans; `encoded` around it leaves out the unfit. */
export function encodeTraces(protocol: OtlpProtocol): Encode<ItemOf['traces']> {
  return encodeBy(traceCodec(protocol));
}

export function encodeLogs(protocol: OtlpProtocol, shape: LogShape): Encode<ItemOf['logs']> {
  return encodeBy(logCodec(protocol, shape));
}

/** One collection a request: the SDK hands over one at a time. */
export function encodeMetrics(protocol: OtlpProtocol): Encode<ItemOf['metrics']> {
  const one = protocol === 'http/json' ? metricsJson : metricsProtobuf;
  return ([collection]) => one(collection as ItemOf['metrics']);
}

/** The item as bytes; as it was, if it cannot be encoded: that is told and counted when it is sent. */
type Pack<Item> = (item: Item) => Item | Packed;

export function packTraces(protocol: OtlpProtocol): Pack<ReadableSpan> {
  return packBy(traceCodec(protocol));
}

export function packLogs(protocol: OtlpProtocol, shape: LogShape): Pack<LogRecord> {
  return packBy(logCodec(protocol, shape));
}

function traceCodec(protocol: OtlpProtocol): Codec<ReadableSpan> {
  return protocol === 'http/json' ? jsonTraces() : protobufTraces();
}

function logCodec(protocol: OtlpProtocol, shape: LogShape): Codec<LogRecord> {
  return protocol === 'http/json' ? jsonLogs(shape) : protobufLogs(shape);
}

function encodeBy<Item>({ pack, request }: Codec<Item>): Encode<Item | Packed> {
  return (items) => request(items.map((item) => (item instanceof Packed ? item : pack(item))));
}

function packBy<Item>({ pack }: Codec<Item>): Pack<Item> {
  return (item) => {
    try {
      return pack(item);
    } catch {
      return item;
    }
  };
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
