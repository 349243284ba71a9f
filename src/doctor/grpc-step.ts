/** The last step of a gRPC endpoint: an export request that holds nothing, and its answer. */
import http2 from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import type { OtlpTarget, Signal } from '../config/config.ts';

const services: Readonly<Record<Signal, string>> = {
  traces: 'trace.v1.TraceService',
  metrics: 'metrics.v1.MetricsService',
  logs: 'logs.v1.LogsService',
};
/** The HTTP statuses that say the same; what is in no row is refused all the same. */
const httpStatuses: Readonly<Record<number, number>> = { 0: 200, 7: 403, 12: 404, 16: 401 };
/** Not compressed, and no bytes long. */
const emptyMessage = Buffer.alloc(5);

export interface GrpcAnswer {
  /** What an HTTP receiver would have answered. */
  readonly status: number;
  readonly date?: string;
}

function answerOf(headers: http2.IncomingHttpHeaders, trailers: http2.IncomingHttpHeaders): GrpcAnswer {
  const code = trailers['grpc-status'] ?? headers['grpc-status'];
  const plain = Number((headers as http2.IncomingHttpStatusHeader)[':status']);
  if (code === undefined && plain < 400) throw new Error('the answer is not gRPC');
  const status = code === undefined ? plain : (httpStatuses[Number(code)] ?? 500);
  return { status, date: headers.date };
}

/** @throws where there is no answer, or one that is not gRPC */
export function askGrpc(
  { endpoint, headers }: OtlpTarget,
  signal: Signal,
  identity: SecureContextOptions,
  patienceMillis: number,
): Promise<GrpcAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<GrpcAnswer>();
  const session = http2.connect(new URL(endpoint).origin, identity).once('error', reject);
  const request = session.request({
    ...headers,
    ':method': 'POST',
    ':path': `/opentelemetry.proto.collector.${services[signal]}/Export`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let answered: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  request.once('response', (given) => {
    answered = given;
  });
  request.once('trailers', (given) => {
    trailers = given;
  });
  request.once('error', reject).once('end', () => {
    try {
      resolve(answerOf(answered, trailers));
    } catch (error) {
      reject(error);
    }
  });
  const tooSlow = new Error(`no answer in ${patienceMillis / 1000} s`);
  request.setTimeout(patienceMillis, () => reject(tooSlow));
  request.resume().end(emptyMessage);
  return promise.finally(() => session.destroy());
}
