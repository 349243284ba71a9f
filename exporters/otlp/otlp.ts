/** OTLP, one signal at a time: encode, send once, and say what became of it. */
import type { OtlpProtocol, OtlpTarget, Signal } from '../../src/config/config.ts';
import type { Attempt } from '../../src/delivery/retry.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import type { Exporter } from '../../src/exporter.ts';
import { diagnose } from './diagnosis.ts';
import { encoded, encodeLogs, encodeMetrics, encodeTraces, type ItemOf } from './encoding.ts';
import { type Endpoint, openEndpoint, presentable, secretsOf } from './endpoint.ts';
import { httpTransport } from './http.ts';
import type { LogShape } from './log-record.ts';
import { type PartialSuccess, readPartialSuccess } from './protobuf.ts';
import type { Reply, Transport } from './transport.ts';

/** What the exporters of all signals need from outside. */
export interface OtlpDeps {
  /** Brings the gRPC part; called only where a target speaks it. */
  readonly loadGrpc: () => typeof import('./grpc.ts');
  /** The resource of log records, and their limits. Spans and metrics bring their own. */
  readonly logs: LogShape;
}

/** An exporter whose answers say all that a next attempt needs to know. */
export interface OtlpExporter<Item> extends Exporter<Item> {
  export(items: readonly Item[]): Promise<Attempt>;
}

/**
 * Makes the exporter of one signal. Each `export` is one attempt; `retrying` around it tries again. A target that
 * cannot work (no scheme, unreadable certificate) answers every batch `rejected`, with the reason. (A72)
 */
export function otlpExporter<S extends Signal>(
  signal: S,
  target: OtlpTarget,
  deps: OtlpDeps,
): OtlpExporter<ItemOf[S]> {
  const name = `otlp ${signal} ${target.protocol}`;
  const endpoint = openEndpoint(target);
  if (typeof endpoint === 'string') return broken(name, endpoint);
  const encode = encoderOf(signal, target.protocol, deps.logs) as (items: readonly ItemOf[S][]) => Uint8Array;
  const transport = transportOf(signal, endpoint, target, deps);
  if (typeof transport === 'string') return broken(name, transport);
  let last: { items: readonly ItemOf[S][]; body: Uint8Array; unfit: number } | undefined;

  return {
    name,
    async export(items) {
      // The same array again is the next attempt for the same batch.
      if (last?.items !== items) last = { items, ...encoded(encode, items) };
      const { body, unfit } = last;
      if (unfit > 0) diagnostics.count(`otlp.${signal}.unfit`, unfit);
      if (unfit > 0 && unfit === items.length) return allUnfit;
      const reply = await transport.send(body);
      if (reply.outcome !== 'failed') last = undefined;
      return judged({ signal, target, endpoint, reply }, unfit);
    },
    async forceFlush() {},
    async shutdown() {
      last = undefined;
      transport.close();
    },
  };
}

const allUnfit: Attempt = {
  outcome: 'rejected',
  code: 'unfit',
  reason: 'nothing in the batch could be encoded',
};

function encoderOf(signal: Signal, protocol: OtlpProtocol, logs: LogShape): unknown {
  if (signal === 'traces') return encodeTraces(protocol);
  return signal === 'logs' ? encodeLogs(protocol, logs) : encodeMetrics(protocol);
}

function transportOf(
  signal: Signal,
  endpoint: Endpoint,
  target: OtlpTarget,
  deps: OtlpDeps,
): Transport | string {
  try {
    if (target.protocol === 'grpc') return deps.loadGrpc().grpcTransport(signal, endpoint, target);
    const json = target.protocol === 'http/json';
    return httpTransport(endpoint, target, json ? 'application/json' : 'application/x-protobuf');
  } catch (error) {
    // A PEM file that is none, or a part that is not there.
    return `${target.protocol} to ${endpoint.origin} cannot be opened (${(error as Error).message})`;
  }
}

interface Judged {
  readonly signal: Signal;
  readonly target: OtlpTarget;
  readonly endpoint: Endpoint;
  readonly reply: Reply;
}

function judged(given: Judged, unfit: number): Attempt {
  const { reply, target } = given;
  if (reply.outcome === 'ok') return acceptedAttempt(given, unfit);
  const { outcome, code, retryAfterMillis } = reply;
  return { outcome, code, retryAfterMillis, reason: diagnose(given), unnamed: !target.named };
}

function acceptedAttempt({ target, endpoint, reply }: Judged, unfit: number): Attempt {
  const partial = partialSuccessOf(reply.body ?? new Uint8Array(), target.protocol);
  if (partial === undefined) {
    const what = `${endpoint.origin} accepted a batch with an answer that is not OTLP`;
    diagnostics.warnOnce(`otlp.answer.${endpoint.origin}`, 'SONDE_ERR_EXPORT', `${what}; is it a receiver?`);
  }
  const rejected = partial?.rejected ?? 0;
  const words = presentable(partial?.message ?? '', secretsOf(target));
  if (rejected + unfit > 0) {
    const reason = rejected > 0 ? `${endpoint.origin} refused a part: "${words}"` : 'not encodable';
    return { outcome: 'ok', rejectedItems: rejected + unfit, reason };
  }
  return { outcome: 'ok', note: words ? `${endpoint.origin} says: "${words}"` : undefined };
}

function partialSuccessOf(body: Uint8Array, protocol: OtlpProtocol): PartialSuccess | undefined {
  return protocol === 'http/json' ? jsonPartialSuccess(body) : readPartialSuccess(body);
}

function jsonPartialSuccess(body: Uint8Array): PartialSuccess | undefined {
  if (body.length === 0) return { rejected: 0, message: '' };
  try {
    const { partialSuccess = {} } = JSON.parse(Buffer.from(body).toString('utf8'));
    const { rejectedSpans, rejectedLogRecords, rejectedDataPoints, errorMessage } = partialSuccess;
    const rejected = Number(rejectedSpans ?? rejectedLogRecords ?? rejectedDataPoints ?? 0);
    return { rejected: Number.isSafeInteger(rejected) ? rejected : 0, message: String(errorMessage ?? '') };
  } catch {
    return undefined;
  }
}

function broken<Item>(name: string, reason: string): OtlpExporter<Item> {
  return {
    name,
    export: async () => ({ outcome: 'rejected', code: 'endpoint', reason }),
    async forceFlush() {},
    async shutdown() {},
  };
}
