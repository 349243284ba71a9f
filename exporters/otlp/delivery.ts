/** The delivery of one process: for each signal a queue, retries and an exporter; one verdict and one ledger for all. */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { AttributeValue, BatchConfig, Config, OtlpTarget, Signal } from '../../src/config/config.ts';
import { createLosses, type Losses } from '../../src/delivery/losses.ts';
import {
  type Attempt,
  type RetryingExporter,
  type RetryPolicy,
  retryDefaults,
  retrying,
} from '../../src/delivery/retry.ts';
import { createStandby, type Standby, type StandbyTimes, standbyTimes } from '../../src/delivery/standby.ts';
import { createVerdict, type Destination, type Verdict } from '../../src/delivery/verdict.ts';
import type { Exporter } from '../../src/exporter.ts';
import type { LogRecord, Sink } from '../../src/logs/record.ts';
import { type BatchQueue, batchQueue } from '../../src/processing/batch.ts';
import type { ItemOf } from './encoding.ts';
import { type OtlpMetricExporter, otlpMetricExporter } from './metrics.ts';
import type { OtlpDeps, OtlpExporter } from './otlp.ts';

export interface DeliveryParts {
  readonly config: Config;
  /** The resource's attributes. */
  readonly attributes: Record<string, AttributeValue>;
  /** Brings encoders and transports. Called with the first batch: a start has nothing to send. */
  readonly loadOtlp: () => typeof import('./otlp.ts');
  /** Called only where a signal's protocol is grpc. */
  readonly loadGrpc: () => typeof import('./grpc.ts');
  /** Other paces than the specification's, for those who cannot wait. */
  readonly retry?: Partial<Omit<RetryPolicy, 'standby' | 'onAttempt'>>;
  readonly standby?: StandbyTimes;
}

/** What takes telemetry, per signal; absent where the signal does not go by OTLP. */
export interface Delivery {
  readonly spans: BatchQueue<ReadableSpan> | undefined;
  readonly metrics: OtlpMetricExporter | undefined;
  readonly logs: Sink | undefined;
  /** How many spans and records wait or are under way. */
  waiting(): number;
  /** Everything taken so far has been tried, or `timeoutMillis` are over. */
  forceFlush(timeoutMillis?: number): Promise<void>;
  /** One last attempt for each batch, within `timeoutMillis`; then the sum of what was lost, if anything was. */
  shutdown(timeoutMillis?: number): Promise<void>;
  /** For the event `exit`, where nothing can be sent any more: counts what waits as lost, and says the sum. */
  abandon(): void;
}

/** What the three signals share. */
interface Common {
  readonly parts: DeliveryParts;
  readonly deps: OtlpDeps;
  readonly losses: Losses;
  readonly verdict: Verdict;
  readonly standbys: Map<string, Standby>;
}

/** Builds the paths of the signals that go by OTLP. Opens no connection. */
export function startDelivery(parts: DeliveryParts): Delivery {
  const { config, attributes, loadGrpc } = parts;
  const { attributeCountLimit, attributeValueLengthLimit, requestId } = config.logs;
  const resource = { attributes };
  const common: Common = {
    parts,
    deps: { loadGrpc, logs: { resource, attributeCountLimit, attributeValueLengthLimit, requestId } },
    losses: createLosses(),
    verdict: createVerdict({ logsTwice: config.logs.console !== 'off' && goesOut(config, 'logs') }),
    standbys: new Map(),
  };
  const spans = goesOut(config, 'traces') ? queueOf(common, 'traces', config.traces.batch) : undefined;
  const records = goesOut(config, 'logs') ? queueOf(common, 'logs', config.logs.batch) : undefined;
  const metrics = goesOut(config, 'metrics') ? metricsOf(common) : undefined;
  const paths = [spans, metrics, records].filter((path) => path !== undefined);
  return {
    spans,
    metrics,
    logs: records && ((record: LogRecord) => records.add(record)),
    waiting: () => (spans?.size ?? 0) + (records?.size ?? 0),
    async forceFlush(timeoutMillis) {
      await Promise.all(paths.map((path) => path.forceFlush(timeoutMillis)));
    },
    async shutdown(timeoutMillis) {
      await Promise.all(paths.map((path) => path.shutdown(timeoutMillis)));
      close(common);
    },
    abandon() {
      for (const path of paths) path.abandon();
      close(common);
    },
  };
}

function goesOut({ otlp, ...signals }: Config, signal: Signal): boolean {
  return !otlp.off && signals[signal].exporters.includes('otlp');
}

function close({ verdict, losses }: Common): void {
  verdict.close();
  losses.summary();
}

function queueOf<S extends 'traces' | 'logs'>(
  common: Common,
  signal: S,
  batch: BatchConfig,
): BatchQueue<ItemOf[S]> {
  return batchQueue(watched(common, signal), batch, { name: signal, losses: common.losses });
}

function metricsOf(common: Common): OtlpMetricExporter {
  const exporter: RetryingExporter<ResourceMetrics> = watched(common, 'metrics');
  return otlpMetricExporter(exporter, { ...common.parts.config.metrics, losses: common.losses });
}

/** The exporter of a signal with its retries, under the eyes of the verdict. */
function watched<S extends Signal>(common: Common, signal: S): RetryingExporter<ItemOf[S]> {
  const { parts, verdict } = common;
  const target = parts.config.otlp[signal];
  const to = { signal, protocol: target.protocol, origin: originOf(target), named: target.named };
  return retrying(openedLater(common, signal, target, to), {
    ...retryDefaults,
    ...parts.retry,
    standby: target.named ? undefined : standbyAt(common, to.origin),
    onAttempt: (attempt) => verdict.heard(to, attempt),
  });
}

/** As the opened endpoint has it; an address that cannot be used has none. */
function originOf({ endpoint, protocol, insecure }: OtlpTarget): string {
  const isBare = protocol === 'grpc' && !endpoint.includes('://');
  const { protocol: scheme, origin } = URL.parse(
    isBare ? `${insecure ? 'http' : 'https'}://${endpoint}` : endpoint,
  ) ?? { protocol: '', origin: '' };
  return /^https?:$/.test(scheme) ? origin : 'nowhere';
}

function openedLater<S extends Signal>(
  { parts, deps, verdict }: Common,
  signal: S,
  target: OtlpTarget,
  to: Destination,
): Exporter<ItemOf[S]> {
  let opened: OtlpExporter<ItemOf[S]> | undefined;
  let closed = false;
  const open = (): OtlpExporter<ItemOf[S]> => {
    opened ??= parts.loadOtlp().otlpExporter(signal, target, deps);
    return opened;
  };
  // A key that only root may read is read while the process still is root.
  if (target.certificate ?? target.clientKey ?? target.clientCertificate) open();
  return {
    name: `otlp ${signal} ${target.protocol}`,
    async export(items): Promise<Attempt> {
      if (closed) return { outcome: 'failed', code: 'closed' };
      verdict.begun(to);
      return open().export(items);
    },
    async forceFlush() {},
    async shutdown() {
      closed = true;
      await opened?.shutdown();
    },
  };
}

function standbyAt({ standbys, parts }: Common, origin: string): Standby {
  const standby = standbys.get(origin) ?? createStandby(origin, parts.standby ?? standbyTimes);
  standbys.set(origin, standby);
  return standby;
}
