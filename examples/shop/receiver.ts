/** A small OTLP receiver: takes http/json on a loopback port and keeps what arrived as plain objects. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

type Attributes = Record<string, any>;

export interface Span {
  service: string;
  name: string;
  /** 2 is a server span, 3 a client span. */
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  /** Milliseconds since 1970, with fractions. */
  start: number;
  end: number;
  failed: boolean;
  attributes: Attributes;
}

export interface LogRecord {
  service: string;
  logger: string;
  time: number;
  level: string;
  message: string;
  traceId: string;
  spanId: string;
  attributes: Attributes;
}

/** One series of a histogram, as it last arrived. */
export interface Histogram {
  service: string;
  name: string;
  attributes: Attributes;
  count: number;
  sum: number;
  max: number;
  /** Single values with the trace they were measured in. */
  exemplars: { value: number; traceId: string }[];
  /** How many values fell into each bucket, and the buckets' upper bounds; the last bucket has none. */
  buckets: number[];
  bounds: number[];
}

export interface Received {
  spans: Span[];
  logs: LogRecord[];
  histograms: Histogram[];
  /** Every metric's name, with the service it came from. */
  metrics: Set<string>;
}

export interface Receiver extends Received {
  readonly endpoint: string;
  close(): void;
}

/** Starts a receiver on a free port. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received = { spans: [], logs: [], histograms: [], metrics: new Set() };
  const server = http.createServer(async (request, response) => {
    const body = await buffer(request);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    keep[request.url ?? '']?.(JSON.parse(text.toString()), received);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(received, { endpoint, close: () => void server.close() });
}

const keep: Record<string, (body: any, received: Received) => void> = {
  '/v1/traces'({ resourceSpans }, { spans }) {
    for (const [service, , span] of each(resourceSpans, 'scopeSpans', 'spans'))
      spans.push(readSpan(service, span));
  },
  '/v1/logs'({ resourceLogs }, { logs }) {
    for (const [service, logger, record] of each(resourceLogs, 'scopeLogs', 'logRecords')) {
      logs.push(readLog(service, logger, record));
    }
  },
  '/v1/metrics'({ resourceMetrics }, { histograms, metrics }) {
    for (const [service, , metric] of each(resourceMetrics, 'scopeMetrics', 'metrics')) {
      metrics.add(`${service} ${metric.name}`);
      for (const point of metric.histogram?.dataPoints ?? [])
        keepHistogram(histograms, service, metric.name, point);
    }
  },
};

/** Every item of one request, with the names of its service and its scope. */
function* each(resources: any[], scopes: string, items: string): Generator<[string, string, any]> {
  for (const resource of resources ?? []) {
    const service = readAttributes(resource.resource?.attributes)['service.name'];
    for (const scope of resource[scopes]) {
      for (const item of scope[items]) yield [service, scope.scope?.name ?? '', item];
    }
  }
}

function readSpan(service: string, span: any): Span {
  return {
    service,
    name: span.name,
    kind: span.kind,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    start: milliseconds(span.startTimeUnixNano),
    end: milliseconds(span.endTimeUnixNano),
    failed: span.status?.code === 2,
    attributes: readAttributes(span.attributes),
  };
}

function readLog(service: string, logger: string, record: any): LogRecord {
  return {
    service,
    logger,
    time: milliseconds(record.timeUnixNano),
    level: record.severityText,
    message: record.body?.stringValue ?? '',
    traceId: record.traceId ?? '',
    spanId: record.spanId ?? '',
    attributes: readAttributes(record.attributes),
  };
}

/** A later point of the same series replaces the earlier one: the sums are cumulative. */
function keepHistogram(histograms: Histogram[], service: string, name: string, point: any): void {
  const attributes = readAttributes(point.attributes);
  const series = JSON.stringify([service, name, attributes]);
  const known = histograms.findIndex(
    (each) => JSON.stringify([each.service, each.name, each.attributes]) === series,
  );
  histograms.splice(known < 0 ? histograms.length : known, 1, {
    service,
    name,
    attributes,
    count: Number(point.count),
    sum: point.sum ?? 0,
    max: point.max ?? 0,
    buckets: (point.bucketCounts ?? []).map(Number),
    bounds: point.explicitBounds ?? [],
    exemplars: (point.exemplars ?? []).map(({ asDouble, asInt, traceId }: any) => ({
      value: Number(asDouble ?? asInt),
      traceId: traceId ?? '',
    })),
  });
}

function readAttributes(list: { key: string; value: any }[] = []): Attributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value: any): unknown {
  if (value?.intValue !== undefined) return Number(value.intValue);
  if (value?.arrayValue) return value.arrayValue.values.map(readValue);
  if (value?.kvlistValue) return readAttributes(value.kvlistValue.values);
  return Object.values(value ?? {})[0];
}

/** Nanoseconds as text are more digits than a number holds, so the fraction is read apart. */
function milliseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1000n) / 1000;
}
