/** OTLP over gRPC. A part of its own: only who names the protocol loads the library. */
import {
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  type ServiceError,
  status as statusCodes,
} from '@grpc/grpc-js';
import type { OtlpTarget, Signal } from '../../src/config/config.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { suppressed } from '../../src/context/suppression.ts';
import { VERSION } from '../../src/version.ts';
import type { Endpoint } from './endpoint.ts';
import { readRetryDelay } from './protobuf.ts';
import type { Reply, Transport } from './transport.ts';

const services: Readonly<Record<Signal, string>> = {
  traces: 'trace.v1.TraceService',
  metrics: 'metrics.v1.MetricsService',
  logs: 'logs.v1.LogsService',
};

/** The OTLP specification's table. RESOURCE_EXHAUSTED joins them where the receiver says when to come again. */
const retryable = new Set([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNAVAILABLE',
  'DATA_LOSS',
]);
const unobserved = suppressed(rootContext);

interface SharedClient {
  readonly client: Client;
  users: number;
}

const clients = new Map<string, SharedClient>();

/** One channel for the signals that go to one place. */
function borrowClient(endpoint: Endpoint, { compression }: OtlpTarget): { client: Client; giveBack(): void } {
  const { origin, tls } = endpoint;
  const key = [origin, compression, tls.ca, tls.key, tls.cert]
    .map((part) => part?.toString() ?? '')
    .join('\n');
  const shared = clients.get(key) ?? { client: openClient(endpoint, compression), users: 0 };
  clients.set(key, shared);
  shared.users++;
  return {
    client: shared.client,
    giveBack() {
      if (--shared.users > 0) return;
      clients.delete(key);
      shared.client.close();
    },
  };
}

function openClient({ url, tls }: Endpoint, compression: OtlpTarget['compression']): Client {
  const secure = url.protocol === 'https:';
  const port = url.port || '4317';
  const options: ClientOptions = {
    'grpc.primary_user_agent': `Sonde-OTLP-Exporter-JavaScript/${VERSION}`,
    'grpc.default_compression_algorithm': compression === 'gzip' ? 2 : 0,
    // Retries are paced by the delivery, which also counts them.
    'grpc.enable_retries': 0,
    // The library's own proxy settings would come from the environment.
    'grpc.enable_http_proxy': 0,
  };
  const { ca = null, key = null, cert = null } = tls;
  const trust = secure ? credentials.createSsl(ca, key, cert) : credentials.createInsecure();
  return new Client(`${url.hostname}:${port}`, trust, options);
}

/** Calls one service of one endpoint. */
export function grpcTransport(signal: Signal, endpoint: Endpoint, target: OtlpTarget): Transport {
  const path = `/opentelemetry.proto.collector.${services[signal]}/Export`;
  const { client, giveBack } = runIn(unobserved, () => borrowClient(endpoint, target));
  const metadata = metadataOf(endpoint, target);
  const underWay = new Set<{ cancel(): void }>();
  let closed = false;

  function call(body: Uint8Array): Promise<Reply> {
    return new Promise((resolve) => {
      const deadline = target.timeoutMillis > 0 ? Date.now() + target.timeoutMillis : undefined;
      const same = (bytes: Buffer) => bytes;
      const request = client.makeUnaryRequest<Buffer, Buffer>(
        path,
        same,
        same,
        Buffer.from(body.buffer, body.byteOffset, body.byteLength),
        metadata,
        { deadline },
        (error, answer) => {
          underWay.delete(request);
          resolve(error ? judge(error) : { outcome: 'ok', body: answer });
        },
      );
      underWay.add(request);
    });
  }

  return {
    send(body) {
      if (closed) return Promise.resolve({ outcome: 'failed', code: 'closed' });
      return runIn(unobserved, () => call(body)).catch((error) => ({
        outcome: 'rejected',
        code: 'defect',
        message: String(error),
      }));
    },
    close() {
      if (closed) return;
      closed = true;
      for (const request of underWay) request.cancel();
      giveBack();
    },
  };
}

function metadataOf({ authorization }: Endpoint, { headers }: OtlpTarget): Metadata {
  const metadata = new Metadata();
  if (authorization) metadata.set('authorization', authorization);
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

function judge({ code, details, metadata }: ServiceError): Reply {
  const name = statusCodes[code] ?? String(code);
  const bytes = metadata?.get('grpc-status-details-bin')[0];
  const retryAfterMillis = bytes instanceof Buffer ? readRetryDelay(bytes) : undefined;
  const again = retryable.has(name) || (name === 'RESOURCE_EXHAUSTED' && retryAfterMillis !== undefined);
  return {
    outcome: again ? 'failed' : 'rejected',
    code: (name === 'UNAVAILABLE' && networkCode(details)) || name,
    message: details,
    retryAfterMillis,
  };
}

/** gRPC calls every network error UNAVAILABLE; what Node called it says more. */
function networkCode(details: string): string | undefined {
  const known = /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ECONNRESET)\b/.exec(details);
  return known?.[1] ?? (details.startsWith('Name resolution failed') ? 'ENOTFOUND' : undefined);
}
