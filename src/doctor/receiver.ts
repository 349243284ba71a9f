/** A receiver of the doctor's own, on loopback: what the app sends is read, and goes no further. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface Received {
  readonly traceId?: string;
  readonly spanId?: string;
  /** Of the span or metric; of a record its logger. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Receiver {
  readonly url: string;
  readonly spans: Received[];
  readonly logs: Received[];
  readonly metrics: Received[];
  close(): void;
}

function plain(value: any): unknown {
  if (value?.kvlistValue) return attributesOf(value.kvlistValue.values);
  if (value?.arrayValue) return (value.arrayValue.values ?? []).map(plain);
  return Object.values(value ?? {})[0];
}

function attributesOf(list: readonly any[] = []): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));
}

/** Every leaf of an export request, with the name of its scope. */
function* leaves(resources: readonly any[] = [], scopes: string, items: string): Iterable<[any, string]> {
  for (const resource of resources) {
    for (const scope of resource[scopes] ?? []) {
      for (const item of scope[items] ?? []) yield [item, scope.scope?.name ?? ''];
    }
  }
}

function take(body: any, { spans, logs, metrics }: Receiver): void {
  for (const [span] of leaves(body.resourceSpans, 'scopeSpans', 'spans')) {
    spans.push({ ...span, attributes: attributesOf(span.attributes) });
  }
  for (const [log, name] of leaves(body.resourceLogs, 'scopeLogs', 'logRecords')) {
    const { traceId, spanId } = log;
    logs.push({
      traceId,
      spanId,
      name,
      attributes: { ...attributesOf(log.attributes), message: plain(log.body) },
    });
  }
  for (const [metric] of leaves(body.resourceMetrics, 'scopeMetrics', 'metrics')) {
    const points = metric.sum?.dataPoints ?? [];
    const exemplar = points.flatMap((point: any) => point.exemplars ?? [])[0];
    metrics.push({ name: metric.name, traceId: exemplar?.traceId, spanId: exemplar?.spanId, attributes: {} });
  }
}

export async function openReceiver(): Promise<Receiver> {
  const server = http.createServer(async (request, response) => {
    try {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const bytes = Buffer.concat(parts);
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
      take(JSON.parse(String(text)), receiver);
    } catch {
      // What is no request of Sonde's is answered all the same.
    }
    response.setHeader('content-type', 'application/json').end('{}');
  });
  const empty = { spans: [], logs: [], metrics: [] };
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  const receiver: Receiver = { url: `http://127.0.0.1:${port}`, ...empty, close };
  return receiver;
}
