/** OTLP, one signal at a time: encode, send once, and say what became of it. */
import { statSync } from 'node:fs';
import type { OtlpProtocol, OtlpTarget, Signal } from '../../src/config/config.ts';
import type { Attempt } from '../../src/delivery/retry.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import type { Exporter } from '../../src/exporter.ts';
import { diagnose } from './diagnosis.ts';
import { type Encoded, encoded, encodeLogs, encodeMetrics, encodeTraces, type ItemOf } from './encoding.ts';
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
  /** Items as a request body, without those that no serializer takes. */
  pack(items: readonly Item[]): Encoded;
  /** One attempt for a body that was packed here or by another process, in whichever form. */
  send(body: Uint8Array, form: 'json' | 'protobuf'): Promise<Attempt>;
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
  const encode = encoderOf(signal, target.protocol, deps.logs) as (items: readonly ItemOf[S][]) => Uint8Array;
  const opened = openWay(signal, target, deps);
  if (typeof opened === 'string') return broken(name, opened, encode);
  let way: Way = opened;
  const own = formOf(target.protocol);
  let closed = false;

  let written = lastWritten(target);

  /** Certificates are renewed under a running process. What is half written is looked at again the next time. */
  function renew(): void {
    const now = lastWritten(target);
    if (closed || now === written) return;
    const renewed = openWay(signal, target, deps);
    if (typeof renewed === 'string') return;
    way.retire();
    way = renewed;
    written = now;
  }

  async function send(body: Uint8Array, form: Form): Promise<Attempt> {
    renew();
    const { endpoint, post } = way;
    const reply = await post(body, form);
    return reply === undefined ? unspoken : judged({ signal, target, endpoint, reply }, form);
  }

  const pack = (items: readonly ItemOf[S][]): Encoded => encoded(encode, items);
  let last: { items: readonly ItemOf[S][]; packed: Encoded } | undefined;

  return {
    name,
    pack,
    send,
    async export(items) {
      // The same array again is the next attempt for the same batch.
      if (last?.items !== items) last = { items, packed: pack(items) };
      const { body, unfit } = last.packed;
      if (unfit > 0) diagnostics.count(`otlp.${signal}.unfit`, unfit);
      if (unfit > 0 && unfit === items.length) return allUnfit;
      const attempt = await send(body, own);
      if (attempt.outcome !== 'failed') last = undefined;
      return withUnfit(attempt, unfit);
    },
    async forceFlush() {},
    async shutdown() {
      last = undefined;
      closed = true;
      way.close();
    },
  };
}

/** When the files that the target names were written: the same text while they are as they were. */
function lastWritten({ certificate, clientKey, clientCertificate }: OtlpTarget): string {
  const files = [certificate, clientKey, clientCertificate].filter((path) => path !== undefined);
  try {
    return files.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs).join();
  } catch {
    return 'out of reach';
  }
}

/** A target with its files read. */
interface Way {
  readonly endpoint: Endpoint;
  /** A spool may hold what was packed before the protocol was changed: `undefined` where it cannot be sent. */
  post(body: Uint8Array, form: Form): Promise<Reply | undefined>;
  close(): void;
  /** Closes when what is under way has been answered. */
  retire(): void;
}

function openWay(signal: Signal, target: OtlpTarget, deps: OtlpDeps): Way | string {
  const endpoint = openEndpoint(target);
  if (typeof endpoint === 'string') return endpoint;
  const transport = transportOf(signal, endpoint, target, deps);
  if (typeof transport === 'string') return transport;
  let others: Transport | undefined;
  let underWay = 0;
  let retired = false;

  function transportFor(form: Form): Transport | undefined {
    if (form === formOf(target.protocol)) return transport as Transport;
    if (target.protocol === 'grpc') return undefined;
    others ??= httpTransport(endpoint as Endpoint, target, contentTypes[form]);
    return others;
  }

  function close(): void {
    (transport as Transport).close();
    others?.close();
  }

  return {
    endpoint,
    async post(body, form) {
      underWay++;
      const reply = await transportFor(form)?.send(body);
      if (--underWay === 0 && retired) close();
      return reply;
    },
    close,
    retire() {
      retired = true;
      if (underWay === 0) close();
    },
  };
}

type Form = 'json' | 'protobuf';

const contentTypes: Readonly<Record<Form, string>> = {
  json: 'application/json',
  protobuf: 'application/x-protobuf',
};

function formOf(protocol: OtlpProtocol): Form {
  return protocol === 'http/json' ? 'json' : 'protobuf';
}

const unspoken: Attempt = {
  outcome: 'rejected',
  code: 'form',
  reason: 'what was packed as JSON by an earlier process cannot be sent by gRPC',
};

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
    return httpTransport(endpoint, target, contentTypes[formOf(target.protocol)]);
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

function judged(given: Judged, form: Form): Attempt {
  const { reply, target } = given;
  if (reply.outcome === 'ok') return acceptedAttempt(given, form);
  const { outcome, code, retryAfterMillis } = reply;
  return { outcome, code, retryAfterMillis, reason: diagnose(given), unnamed: !target.named };
}

function acceptedAttempt({ target, endpoint, reply }: Judged, form: Form): Attempt {
  const partial = partialSuccessOf(reply.body ?? new Uint8Array(), form);
  if (partial === undefined) {
    const what = `${endpoint.origin} accepted a batch with an answer that is not OTLP`;
    diagnostics.warnOnce(`otlp.answer.${endpoint.origin}`, 'SONDE_ERR_EXPORT', `${what}; is it a receiver?`);
  }
  const rejected = partial?.rejected ?? 0;
  const words = presentable(partial?.message ?? '', secretsOf(target));
  if (rejected > 0) {
    return {
      outcome: 'ok',
      rejectedItems: rejected,
      reason: `${endpoint.origin} refused a part: "${words}"`,
    };
  }
  return { outcome: 'ok', note: words ? `${endpoint.origin} says: "${words}"` : undefined };
}

function withUnfit(attempt: Attempt, unfit: number): Attempt {
  if (attempt.outcome !== 'ok' || unfit === 0) return attempt;
  const { rejectedItems = 0, reason = 'not encodable' } = attempt;
  return { ...attempt, rejectedItems: rejectedItems + unfit, reason };
}

function partialSuccessOf(body: Uint8Array, form: Form): PartialSuccess | undefined {
  return form === 'json' ? jsonPartialSuccess(body) : readPartialSuccess(body);
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

function broken<Item>(
  name: string,
  reason: string,
  encode: (items: readonly Item[]) => Uint8Array,
): OtlpExporter<Item> {
  const refused: Attempt = { outcome: 'rejected', code: 'endpoint', reason };
  return {
    name,
    pack: (items) => encoded(encode, items),
    send: async () => refused,
    export: async () => refused,
    async forceFlush() {},
    async shutdown() {},
  };
}
