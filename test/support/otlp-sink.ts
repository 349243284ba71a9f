/**
 * An OTLP receiver inside the test: http/protobuf, http/json and grpc on ports of the loopback interface, decoded
 * by an independent library, with faults on demand. A child process is given its addresses by environment.
 */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { attributesOf, type Decoded, decode, decodeJson, encode, plainAnyValue } from './otlp-schema.ts';

export type SinkSignal = 'traces' | 'metrics' | 'logs';
export type SinkProtocol = 'http/protobuf' | 'http/json' | 'grpc';

/** What the receiver does instead of accepting. Parts combine: a delay, then a status with headers and a body. */
export interface Fault {
  /** HTTP status. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly delayMillis?: number;
  /** `reset`: the connection is cut; `hang`: never an answer. */
  readonly connection?: 'reset' | 'hang';
  /** What came is accepted, though the sender will not hear of it. */
  readonly taken?: true;
  /** gRPC status number. */
  readonly grpcCode?: number;
  readonly grpcMessage?: string;
  /** Trailing metadata; a Buffer for names that end in `-bin`. */
  readonly grpcMetadata?: Readonly<Record<string, string | Buffer>>;
  /** Accepted, but this many items were refused. */
  readonly partial?: { readonly rejected: number; readonly message: string };
}

/** One request as it came in. */
export interface Received {
  readonly signal: SinkSignal;
  readonly protocol: SinkProtocol;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Body length on the wire; for grpc after decompression. */
  readonly wireBytes: number;
  /** Body after decompression. */
  readonly bytes: Buffer;
  /** Whether the receiver took it: a faulted request is not part of `spans()` and its siblings. */
  readonly accepted: boolean;
  readonly message: Decoded;
  /** Which connection carried it, counted from 1 (http only). */
  readonly connection: number;
  /** Requests of its signal that waited for their answers when it came, itself among them (http only). */
  readonly together: number;
}

interface Item {
  readonly scope: string;
  readonly resource: Record<string, unknown>;
  readonly attributes: Record<string, unknown>;
}

export interface SinkSpan extends Item {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  /** OTLP's SpanKind: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly status: { readonly code: number; readonly message: string };
  readonly flags: number;
  readonly events: readonly { name: string; time: bigint; attributes: Record<string, unknown> }[];
  readonly links: readonly { traceId: string; spanId: string; attributes: Record<string, unknown> }[];
}

export interface SinkLog extends Item {
  readonly time: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: unknown;
  readonly eventName: string;
  /** Empty outside a trace. */
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

export interface SinkPoint {
  readonly attributes: Record<string, unknown>;
  readonly start: bigint;
  readonly time: bigint;
  /** Of gauges and sums. */
  readonly value?: number;
  /** Of histograms. */
  readonly count?: number;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
  readonly bucketCounts?: readonly number[];
  readonly explicitBounds?: readonly number[];
  /** The data point as decoded. */
  readonly raw: Decoded;
}

export interface SinkMetric extends Omit<Item, 'attributes'> {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly kind: 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram';
  /** 1 delta, 2 cumulative, 0 for gauges. */
  readonly temporality: number;
  readonly monotonic: boolean;
  readonly points: readonly SinkPoint[];
}

export interface OtlpSink {
  /** `http://127.0.0.1:<port>`: the base for http/protobuf and http/json. */
  readonly httpUrl: string;
  /** `http://127.0.0.1:<port>` of the grpc receiver. */
  readonly grpcUrl: string;
  readonly requests: readonly Received[];
  /** What could not be decoded, and why. */
  readonly faults: readonly string[];
  spans(): SinkSpan[];
  logs(): SinkLog[];
  /** In order of arrival; a metric exported twice is there twice. */
  metrics(): SinkMetric[];
  /** The next requests meet these, one each. */
  failNext(...faults: readonly Fault[]): void;
  /** Every request meets this until `undefined` is given. */
  failAlways(fault: Fault | undefined): void;
  /** Cuts every connection whose request waits for its answer; gives back how many (http only). */
  cut(): number;
  /** Waits until `ready` holds, asked whenever something came in. Rejects after `timeoutMillis`, 10 s by default. */
  until(ready: (sink: OtlpSink) => boolean, timeoutMillis?: number): Promise<void>;
  clear(): void;
  close(): Promise<void>;
}

export interface SinkOptions {
  /** 0, the default, takes a free one. */
  readonly httpPort?: number;
  readonly grpcPort?: number;
  /** PEM texts; with `ca` a client certificate is demanded. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
}

const requestType = { traces: 'TracesRequest', metrics: 'MetricsRequest', logs: 'LogsRequest' } as const;
const responseType = { traces: 'TracesResponse', metrics: 'MetricsResponse', logs: 'LogsResponse' } as const;
const rejectedField = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
} as const;
const httpPath: Record<string, SinkSignal> = {
  '/v1/traces': 'traces',
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
};
const grpcPath: Record<SinkSignal, string> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
};

/** Starts a receiver; close it when done. */
export async function startSink(options: SinkOptions = {}): Promise<OtlpSink> {
  const store = newStore();
  const web = await startHttp(store, options);
  const rpc = await startGrpc(store, options);
  const scheme = options.tls ? 'https' : 'http';
  const sink: OtlpSink = {
    httpUrl: `${scheme}://127.0.0.1:${web.port}`,
    grpcUrl: `${scheme}://127.0.0.1:${rpc.port}`,
    requests: store.requests,
    faults: store.faults,
    spans: () => accepted(store, 'traces').flatMap(spansOf),
    logs: () => accepted(store, 'logs').flatMap(logsOf),
    metrics: () => accepted(store, 'metrics').flatMap(metricsOf),
    failNext: (...faults) => void store.next.push(...faults),
    failAlways: (fault) => {
      store.always = fault;
    },
    cut: () => {
      const sockets = [...store.waiting.keys()];
      for (const socket of sockets) socket.resetAndDestroy();
      return sockets.length;
    },
    until: (ready, timeoutMillis = 10_000) => waitUntil(store, () => ready(sink), timeoutMillis),
    clear: () => {
      store.requests.length = 0;
      store.faults.length = 0;
    },
    close: async () => {
      await Promise.all([web.close(), rpc.close()]);
    },
  };
  return sink;
}

interface Store {
  readonly requests: Received[];
  readonly faults: string[];
  readonly next: Fault[];
  always: Fault | undefined;
  /** Connections whose request is not answered yet. */
  readonly waiting: Map<Socket, SinkSignal>;
  readonly watchers: Set<() => void>;
}

function newStore(): Store {
  return { requests: [], faults: [], next: [], always: undefined, waiting: new Map(), watchers: new Set() };
}

function accepted(store: Store, signal: SinkSignal): Decoded[] {
  return store.requests.filter((r) => r.accepted && r.signal === signal).map((r) => r.message);
}

function waitUntil(store: Store, ready: () => boolean, timeoutMillis: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (ready()) done(resolve);
    };
    const late = () =>
      done(() => reject(new Error(`not received in ${timeoutMillis} ms; ${store.requests.length} requests`)));
    const timer = setTimeout(late, timeoutMillis);
    function done(then: () => void): void {
      clearTimeout(timer);
      store.watchers.delete(look);
      then();
    }
    store.watchers.add(look);
    look();
  });
}

type Arrival = Omit<Received, 'message' | 'accepted' | 'at'>;

/** Decodes and keeps one request; gives back the fault it meets. */
function receive(store: Store, arrival: Arrival): Fault | undefined {
  const fault = store.next.shift() ?? store.always;
  const isRefused = (fault?.status ?? 200) >= 300 || fault?.connection || fault?.grpcCode;
  const taken = fault?.taken ?? !isRefused;
  try {
    const name = requestType[arrival.signal];
    const json = arrival.protocol === 'http/json';
    const message = json ? decodeJson(name, arrival.bytes.toString('utf8')) : decode(name, arrival.bytes);
    store.requests.push({ ...arrival, at: Date.now(), message, accepted: taken });
  } catch (error) {
    store.faults.push(`${arrival.protocol} ${arrival.signal}: ${(error as Error).message}`);
  }
  for (const watcher of [...store.watchers]) watcher();
  return fault;
}

function answerBody(signal: SinkSignal, json: boolean, fault: Fault | undefined): Uint8Array | string {
  if (fault?.body !== undefined) return fault.body;
  const { partial } = fault ?? {};
  const rejected = rejectedField[signal];
  if (json) {
    const partialSuccess = partial && { [rejected]: String(partial.rejected), errorMessage: partial.message };
    return JSON.stringify(partialSuccess ? { partialSuccess } : {});
  }
  return encode(
    responseType[signal],
    partial ? { partialSuccess: { [rejected]: partial.rejected, errorMessage: partial.message } } : {},
  );
}

interface Running {
  readonly port: number;
  close(): Promise<void>;
}

async function startHttp(store: Store, options: SinkOptions): Promise<Running> {
  const connections = new Map<Socket, number>();
  const serve = (req: http.IncomingMessage, res: http.ServerResponse) =>
    void take(store, connections, req, res);
  const { tls } = options;
  const server = tls
    ? https.createServer({ ...tls, requestCert: !!tls.ca, rejectUnauthorized: !!tls.ca }, serve)
    : http.createServer(serve);
  server.on(tls ? 'secureConnection' : 'connection', (socket) =>
    connections.set(socket, connections.size + 1),
  );
  server.listen(options.httpPort ?? 0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function take(
  store: Store,
  connections: Map<Socket, number>,
  req: http.IncomingMessage,
  res: http.ServerResponse,
): Promise<void> {
  const body = await bodyOf(req);
  const path = req.url ?? '';
  const signal = httpPath[path.split('?')[0] ?? ''];
  if (signal === undefined) return void res.writeHead(404).end('404 page not found\n');
  const json = req.headers['content-type']?.startsWith('application/json') ?? false;
  store.waiting.set(req.socket, signal);
  res.once('close', () => store.waiting.delete(req.socket));
  const fault = receive(store, {
    signal,
    protocol: json ? 'http/json' : 'http/protobuf',
    path,
    headers: req.headers as Record<string, string>,
    wireBytes: body.length,
    bytes: req.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body,
    connection: connections.get(req.socket) ?? 0,
    together: [...store.waiting.values()].filter((other) => other === signal).length,
  });
  if (fault?.connection === 'hang') return;
  if (fault?.connection === 'reset') return void req.socket.resetAndDestroy();
  if (fault?.delayMillis) await new Promise((resolve) => setTimeout(resolve, fault.delayMillis));
  const type = json ? 'application/json' : 'application/x-protobuf';
  res.writeHead(fault?.status ?? 200, { 'content-type': type, ...fault?.headers });
  res.end(answerBody(signal, json, fault));
}

async function bodyOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch {
    // A sender that went away in the middle: what came is looked at like any other body.
  }
  return Buffer.concat(chunks);
}

async function startGrpc(store: Store, options: SinkOptions): Promise<Running> {
  const server = new grpc.Server();
  for (const signal of Object.keys(grpcPath) as SinkSignal[]) {
    const path = grpcPath[signal];
    const same = (bytes: Buffer) => bytes;
    server.addService(
      {
        Export: {
          path,
          requestStream: false,
          responseStream: false,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      { Export: grpcHandler(store, signal, path) },
    );
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${options.grpcPort ?? 0}`, grpcCredentials(options), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, close: async () => server.forceShutdown() };
}

function grpcCredentials({ tls }: SinkOptions): grpc.ServerCredentials {
  if (!tls) return grpc.ServerCredentials.createInsecure();
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) };
  return grpc.ServerCredentials.createSsl(tls.ca ? Buffer.from(tls.ca) : null, [pair], !!tls.ca);
}

function grpcHandler(
  store: Store,
  signal: SinkSignal,
  path: string,
): grpc.handleUnaryCall<Buffer, Uint8Array | string> {
  return (call, callback) => {
    const fault = receive(store, {
      signal,
      protocol: 'grpc',
      path,
      headers: call.metadata.getMap() as Record<string, string>,
      wireBytes: call.request.length,
      bytes: call.request,
      connection: 0,
      together: 1,
    });
    if (fault?.connection === 'hang') return;
    const code = fault?.grpcCode ?? (fault?.connection === 'reset' ? 14 : 0);
    const answer = () =>
      code === 0
        ? callback(null, answerBody(signal, false, fault))
        : callback({ code, details: fault?.grpcMessage ?? '', metadata: trailers(fault) });
    setTimeout(answer, fault?.delayMillis ?? 0);
  };
}

function trailers(fault: Fault | undefined): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(fault?.grpcMetadata ?? {})) metadata.set(name, value);
  return metadata;
}

const hex = (bytes: Buffer | undefined): string => bytes?.toString('hex') ?? '';

function spansOf(request: Decoded): SinkSpan[] {
  return each(request.resourceSpans, 'scopeSpans', 'spans', (span, where) => ({
    ...where,
    name: span.name ?? '',
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    traceState: span.traceState ?? '',
    kind: span.kind ?? 0,
    start: span.startTimeUnixNano ?? 0n,
    end: span.endTimeUnixNano ?? 0n,
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
    flags: span.flags ?? 0,
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map((event: Decoded) => ({
      name: event.name ?? '',
      time: event.timeUnixNano ?? 0n,
      attributes: attributesOf(event.attributes),
    })),
    links: (span.links ?? []).map((link: Decoded) => ({
      traceId: hex(link.traceId),
      spanId: hex(link.spanId),
      attributes: attributesOf(link.attributes),
    })),
  }));
}

function logsOf(request: Decoded): SinkLog[] {
  return each(request.resourceLogs, 'scopeLogs', 'logRecords', (log, where) => ({
    ...where,
    time: log.timeUnixNano ?? 0n,
    severityNumber: log.severityNumber ?? 0,
    severityText: log.severityText ?? '',
    body: plainAnyValue(log.body),
    eventName: log.eventName ?? '',
    traceId: hex(log.traceId),
    spanId: hex(log.spanId),
    flags: log.flags ?? 0,
    attributes: attributesOf(log.attributes),
  }));
}

const metricKinds = ['gauge', 'sum', 'histogram', 'exponentialHistogram'] as const;

function metricsOf(request: Decoded): SinkMetric[] {
  return each(request.resourceMetrics, 'scopeMetrics', 'metrics', (metric, where) => {
    const kind = metricKinds.find((name) => metric[name] !== undefined) ?? 'gauge';
    const data = metric[kind] ?? {};
    return {
      ...where,
      name: metric.name ?? '',
      unit: metric.unit ?? '',
      description: metric.description ?? '',
      kind,
      temporality: data.aggregationTemporality ?? 0,
      monotonic: data.isMonotonic ?? false,
      points: (data.dataPoints ?? []).map(pointOf),
    };
  });
}

function pointOf(point: Decoded): SinkPoint {
  const number = (value: unknown) => (value === undefined ? undefined : Number(value));
  return {
    attributes: attributesOf(point.attributes),
    start: point.startTimeUnixNano ?? 0n,
    time: point.timeUnixNano ?? 0n,
    value: number(point.asInt ?? point.asDouble),
    count: number(point.count),
    sum: point.sum,
    min: point.min,
    max: point.max,
    bucketCounts: point.bucketCounts?.map(Number),
    explicitBounds: point.explicitBounds,
    raw: point,
  };
}

function each<T>(
  resources: readonly Decoded[] | undefined,
  scopes: string,
  items: string,
  make: (item: Decoded, where: { scope: string; resource: Record<string, unknown> }) => T,
): T[] {
  return (resources ?? []).flatMap((entry) =>
    (entry[scopes] ?? []).flatMap((group: Decoded) => {
      const where = { scope: group.scope?.name ?? '', resource: attributesOf(entry.resource?.attributes) };
      return (group[items] ?? []).map((item: Decoded) => make(item, where));
    }),
  );
}
