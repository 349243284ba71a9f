/**
 * OTLP over gRPC: one unary call an attempt, over Node's own HTTP/2. The usual library would hold the process for as
 * long as a receiver hangs, and reads the environment by itself; of all it can do OTLP needs one call.
 */
import http2 from 'node:http2';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { OtlpTarget, Signal } from '../../src/config/config.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { suppressed } from '../../src/context/suppression.ts';
import { VERSION } from '../../src/version.ts';
import type { Endpoint } from './endpoint.ts';
import { borrowSession } from './http2-session.ts';
import { readRetryDelay } from './protobuf.ts';
import type { Reply, Transport } from './transport.ts';

const services: Readonly<Record<Signal, string>> = {
  traces: 'trace.v1.TraceService',
  metrics: 'metrics.v1.MetricsService',
  logs: 'logs.v1.LogsService',
};

/** By number. */
const statusNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** The OTLP specification's table. RESOURCE_EXHAUSTED joins them where the receiver says when to come again. */
const retryable = new Set([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** gRPC's own table for answers by something that does not speak it, proxies most often. */
const statusOfHttp: Readonly<Record<number, string>> = {
  400: 'INTERNAL',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'UNIMPLEMENTED',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'UNAVAILABLE',
};

const largestAnswer = 65_536;
const unobserved = suppressed(rootContext);
const gzip = promisify(zlib.gzip);

/** Calls one service of one endpoint. */
export function grpcTransport(signal: Signal, endpoint: Endpoint, target: OtlpTarget): Transport {
  const session = borrowSession(endpoint);
  const headers = headersOf(signal, endpoint, target);
  const underWay = new Set<http2.ClientHttp2Stream>();
  let closed = false;

  async function attempt(body: Uint8Array): Promise<Reply> {
    if (closed) return { outcome: 'failed', code: 'closed' };
    const message = await framed(body, target.compression);
    const connection = await session.open();
    if (closed) return { outcome: 'failed', code: 'closed' };
    const stream = connection.request(headers);
    underWay.add(stream);
    const stopTimer = limitTime(stream, target.timeoutMillis, () => session.retire(connection));
    stream.end(message);
    return answerOf(stream).finally(() => {
      stopTimer();
      underWay.delete(stream);
    });
  }

  return {
    send: (body) =>
      runIn(unobserved, () => attempt(body)).catch((error) => ({ outcome: 'failed', ...failure(error) })),
    close() {
      if (closed) return;
      closed = true;
      for (const stream of underWay) stream.destroy(fault('closed', 'closed'));
      session.giveBack();
    },
  };
}

function headersOf(
  signal: Signal,
  { authorization }: Endpoint,
  { headers, timeoutMillis, compression }: OtlpTarget,
): http2.OutgoingHttpHeaders {
  return {
    ...(authorization && { authorization }),
    'user-agent': `Sonde-OTLP-Exporter-JavaScript/${VERSION}`,
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    ':method': 'POST',
    ':path': `/opentelemetry.proto.collector.${services[signal]}/Export`,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-accept-encoding': 'identity',
    ...(timeoutMillis > 0 && { 'grpc-timeout': `${Math.min(timeoutMillis, 99_999_999)}m` }),
    ...(compression === 'gzip' && { 'grpc-encoding': 'gzip' }),
  };
}

/** A flag for compression and the length go before each message. */
async function framed(body: Uint8Array, compression: OtlpTarget['compression']): Promise<Buffer> {
  const zipped = compression === 'gzip';
  const payload = zipped ? await gzip(body) : body;
  const frame = Buffer.alloc(5 + payload.length);
  frame.writeUInt8(zipped ? 1 : 0, 0);
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, 5);
  return frame;
}

function fault(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** After a timeout the connection itself is in doubt. */
function limitTime(stream: http2.ClientHttp2Stream, millis: number, doubt: () => void): () => void {
  if (millis <= 0) return () => undefined;
  const late = () => {
    stream.destroy(fault('DEADLINE_EXCEEDED', `no answer within ${millis} ms`));
    doubt();
  };
  const timer = setTimeout(late, millis).unref();
  return () => clearTimeout(timer);
}

function answerOf(stream: http2.ClientHttp2Stream): Promise<Reply> {
  const chunks: Buffer[] = [];
  let size = 0;
  let head: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders | undefined;
  return new Promise((resolve) => {
    stream.on('response', (headers) => {
      head = headers;
    });
    stream.on('trailers', (headers) => {
      trailers = headers;
    });
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= largestAnswer) chunks.push(chunk);
    });
    stream.on('error', (error) => resolve({ outcome: 'failed', ...failure(error) }));
    stream.on('close', () => resolve(judge({ ...head, ...trailers }, Buffer.concat(chunks), stream.rstCode)));
  });
}

function judge(headers: http2.IncomingHttpHeaders, body: Buffer, rstCode: number): Reply {
  const given = headers['grpc-status'];
  if (given === '0') return { outcome: 'ok', body: messageIn(body) };
  const name = given === undefined ? statusWithout(headers, rstCode) : statusNames[Number(given)];
  const retryAfterMillis = retryDelay(headers['grpc-status-details-bin']);
  const asked = name === 'RESOURCE_EXHAUSTED' && retryAfterMillis !== undefined;
  return {
    outcome: asked || retryable.has(name ?? '') ? 'failed' : 'rejected',
    code: name ?? `status ${given}`,
    message:
      given === undefined ? `HTTP status ${headers[':status']}` : percentDecoded(headers['grpc-message']),
    retryAfterMillis,
  };
}

/** The answer of something that does not speak gRPC, or none before the stream was reset. */
function statusWithout(headers: http2.IncomingHttpHeaders, rstCode: number): string {
  const http = headers[':status'];
  if (http !== undefined) return statusOfHttp[Number(http)] ?? 'UNKNOWN';
  return rstCode === http2.constants.NGHTTP2_CANCEL ? 'CANCELLED' : 'UNAVAILABLE';
}

function messageIn(body: Buffer): Uint8Array {
  return body.length < 5 ? new Uint8Array() : body.subarray(5, 5 + body.readUInt32BE(1));
}

function retryDelay(header: string | string[] | undefined): number | undefined {
  return header === undefined ? undefined : readRetryDelay(Buffer.from(String(header), 'base64'));
}

function percentDecoded(text: string | string[] | undefined): string {
  try {
    return decodeURIComponent(String(text ?? ''));
  } catch {
    return String(text);
  }
}

/** `localhost` has two addresses and then two reasons: the first one speaks for both. */
function failure(error: any): { code: string; message: string } {
  const first = error?.errors?.[0] ?? error;
  return { code: String(error?.code ?? first?.code ?? 'unknown'), message: String(first?.message ?? error) };
}
