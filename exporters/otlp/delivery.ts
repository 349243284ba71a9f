/** The delivery of one process: a way for each signal; one outbox, one verdict and one ledger for all. */
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { AttributeValue, BatchConfig, Config, OtlpTarget, Signal } from '../../src/config/config.ts';
import { sourceOf } from '../../src/config/resolve.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { type Books, openBooks } from '../../src/delivery/books.ts';
import type { Keeper } from '../../src/delivery/keeper.ts';
import { createLosses, type Losses } from '../../src/delivery/losses.ts';
import { bodyOf, type Entry, Outbox } from '../../src/delivery/outbox.ts';
import {
  type Attempt,
  type RetryingExporter,
  type RetryPolicy,
  retryDefaults,
  retrying,
} from '../../src/delivery/retry.ts';
import type { Reported } from '../../src/delivery/self-metrics.ts';
import { createStandby, type Standby, type StandbyTimes, standbyTimes } from '../../src/delivery/standby.ts';
import { createVerdict, type Destination, type Verdict } from '../../src/delivery/verdict.ts';
import { scales } from '../../src/delivery/volume.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import type { Exporter } from '../../src/exporter.ts';
import { severity } from '../../src/logs/levels.ts';
import type { LogRecord, Sink } from '../../src/logs/record.ts';
import { always, seldom, timed } from '../../src/overhead.ts';
import type { DeliveryState } from '../../src/sonde.ts';
import type { Encoded, ItemOf } from './encoding.ts';
import { otlpMetricExporter, pointsOf } from './metrics.ts';
import type { OtlpDeps, OtlpExporter } from './otlp.ts';
import type { Packed } from './packed.ts';
import { Path } from './path.ts';

type Encoding = typeof import('./encoding.ts');

export interface DeliveryParts {
  readonly config: Config;
  /** The resource's attributes; read with the first item. */
  readonly attributes: Record<string, AttributeValue>;
  /** Brings the encoders. Called with the first item: a start has nothing to tell. */
  readonly loadEncoding: () => Encoding;
  /** Brings the transports. Called with the first batch. */
  readonly loadOtlp: () => typeof import('./otlp.ts');
  /** Called only where a signal's protocol is grpc. */
  readonly loadGrpc: () => typeof import('./grpc.ts');
  /** Called only where the process ends with something left, and no time. */
  readonly loadLastPost: () => typeof import('./last-post.ts');
  /** Called only where there is to be a spool. */
  readonly loadSpool: () => typeof import('../../src/delivery/keeper.ts');
  /** Other paces than the specification's, for those who cannot wait. */
  readonly retry?: Partial<Omit<RetryPolicy, 'standby' | 'onAttempt'>>;
  readonly standby?: StandbyTimes;
}

/** Takes spans when they have ended. */
export interface SpanQueue {
  add(span: ReadableSpan): void;
  forceFlush(timeoutMillis?: number): Promise<void>;
}

/** What takes telemetry, per signal; absent where the signal does not go by OTLP. */
export interface Delivery {
  readonly spans: SpanQueue | undefined;
  readonly metrics: PushMetricExporter | undefined;
  readonly logs: Sink | undefined;
  /** What goes by OTLP, for those who report it. */
  readonly reported: readonly Reported[];
  /** As `sonde.status()` has it. */
  state(): DeliveryState;
  /** Nothing is taken any more. */
  readonly isOver: boolean;
  /** How many spans, records and points wait or are under way. */
  waiting(): number;
  /** Everything taken so far has been tried, or `timeoutMillis` are over. */
  forceFlush(timeoutMillis?: number): Promise<void>;
  /** One last attempt for each batch, within `timeoutMillis`; then the sum of what was lost, if anything was. */
  shutdown(timeoutMillis?: number): Promise<void>;
  /**
   * For the event `exit`, where nothing asynchronous happens any more: what waits goes to the spool, where there is
   * one; the rest is sent while everything stands still, `millis` at most; what is left then is counted as lost.
   */
  abandon(millis: number): void;
}

/** What the three signals share. */
interface Common {
  readonly parts: DeliveryParts;
  readonly deps: OtlpDeps;
  readonly losses: Losses;
  readonly books: Books;
  readonly verdict: Verdict;
  readonly outbox: Outbox;
  readonly exporters: Map<Signal, RetryingExporter<Entry>>;
  readonly standbys: Map<string, Standby>;
  /** Signals whose last attempt failed. */
  readonly failing: Set<Signal>;
  readonly paths: Path<any>[];
  keeper: Keeper | undefined;
  isOver: boolean;
  lastError: string | undefined;
}

/** In the order of the last attempt. */
const signals: readonly Signal[] = ['logs', 'traces', 'metrics'];
/**
 * Requests under way together while a backlog waits: what ten minutes at 200 a second leave is brought within one, by
 * a receiver that takes a second to answer, too. The points of a series must come in their order.
 */
const mostAtOnce: Readonly<Record<Signal, number>> = { traces: 4, logs: 4, metrics: 1 };
/** With a spool nothing waits longer in memory alone. Milliseconds. */
const spoolMillis = 250;
/** Others may have left something, and a process that is over before that need not look. Milliseconds. */
const firstLookMillis = 500;

/** Builds the paths of the signals that go by OTLP. Opens no connection and no file. */
export function startDelivery(parts: DeliveryParts): Delivery {
  const common = commonOf(parts);
  const { config } = parts;
  const spans = goesOut(config, 'traces') ? spanPath(common) : undefined;
  const records = goesOut(config, 'logs') ? logPath(common) : undefined;
  const metrics = goesOut(config, 'metrics') ? metricPath(common) : undefined;
  const paths = [spans, metrics, records].filter((path) => path !== undefined);
  common.paths.push(...paths);
  if (config.spool.dir !== undefined && paths.length > 0) {
    runIn(rootContext, () => setTimeout(() => openSpool(common), firstLookMillis).unref());
  }
  return {
    spans:
      spans &&
      spanQueue(
        spans,
        packer(parts, (encoding) => encoding.packTraces(config.otlp.traces.protocol)),
      ),
    metrics: metrics && otlpMetricExporter(metrics, config.metrics),
    logs:
      records &&
      logSink(
        records,
        packer(parts, (encoding) => encoding.packLogs(config.otlp.logs.protocol, common.deps.logs)),
      ),
    reported: paths.map((path) => reportedOf(path, common)),
    state: () => ({
      waiting: Object.fromEntries(paths.map((path) => [path.signal, path.size])),
      memoryBytes: common.outbox.bytes,
      spool: common.keeper?.state(),
      lastError: common.lastError,
    }),
    get isOver() {
      return common.isOver;
    },
    waiting: () => paths.reduce((sum, { size }) => sum + size, 0),
    async forceFlush(timeoutMillis) {
      await Promise.all(paths.map((path) => path.forceFlush(timeoutMillis)));
    },
    async shutdown(timeoutMillis = 2000) {
      await Promise.all(paths.map((path) => path.shutdown(timeoutMillis)));
      close(common);
    },
    abandon(millis) {
      if (common.isOver) return;
      for (const path of common.paths) path.stop();
      if (common.keeper?.isOpen !== true) postLast(common, millis);
      close(common);
    },
  };
}

/** For the signals' own metrics. */
function reportedOf(path: Path<any>, { parts }: Common): Reported {
  const { signal } = path;
  const target = parts.config.otlp[signal];
  return {
    signal,
    protocol: target.protocol,
    origin: originOf(target),
    capacity: mostItemsOf(parts.config)[signal],
    queued: () => path.size - path.underWay,
    underWay: () => path.underWay,
    handed: () => path.handed,
    onExport(listener) {
      path.onExport = listener;
    },
  };
}

function commonOf(parts: DeliveryParts): Common {
  const { config, loadGrpc } = parts;
  const { attributeCountLimit, attributeValueLengthLimit, requestId } = config.logs;
  const breadcrumbs = config.logs.breadcrumbs === 'on';
  const losses = createLosses();
  const books = openBooks(losses);
  const exporters: Common['exporters'] = new Map();
  return {
    parts,
    deps: {
      loadGrpc,
      logs: {
        resource: {
          get attributes() {
            return parts.attributes;
          },
        },
        attributeCountLimit,
        attributeValueLengthLimit,
        breadcrumbs,
        requestId,
      },
    },
    losses,
    books,
    verdict: createVerdict({ logsTwice: config.logs.console !== 'off' && goesOut(config, 'logs') }),
    outbox: new Outbox({
      books,
      maxBytes: config.memory.maxBytes,
      mostItems: mostItemsOf(config),
      isUnmanned(signal) {
        const exporter = exporters.get(signal);
        return exporter !== undefined && (exporter.standingBy || exporter.unproven);
      },
    }),
    exporters,
    standbys: new Map(),
    failing: new Set(),
    paths: [],
    keeper: undefined,
    isOver: false,
    lastError: undefined,
  };
}

/** The specification's queue sizes hold where somebody has said them; otherwise memory is the measure. */
function mostItemsOf(config: Config): Partial<Record<Signal, number>> {
  const most: Partial<Record<Signal, number>> = {};
  for (const signal of ['traces', 'logs'] as const) {
    const source = sourceOf(config, `${signal}.batch.maxQueueSize`);
    if (source !== undefined && source !== 'default') most[signal] = config[signal].batch.maxQueueSize;
  }
  return most;
}

/** Encodes each item at once: later the app may have changed what it holds. Brings the encoder with the first one. */
function packer<Item>(
  { loadEncoding }: DeliveryParts,
  make: (encoding: Encoding) => (item: Item) => Item | Packed,
): (item: Item) => Item | Packed {
  let pack: ((item: Item) => Item | Packed) | undefined;
  return (item) => {
    pack ??= make(loadEncoding());
    return pack(item);
  };
}

function spanQueue(path: Path<ItemOf['traces']>, pack: (span: ReadableSpan) => ItemOf['traces']): SpanQueue {
  return {
    add: timed(seldom, (span: ReadableSpan) => {
      const packed = pack(span);
      scales.span(span, weightOf(packed));
      path.add(packed);
    }),
    forceFlush: (timeoutMillis) => path.forceFlush(timeoutMillis),
  };
}

function logSink(path: Path<ItemOf['logs']>, pack: (record: LogRecord) => ItemOf['logs']): Sink {
  return (record) => {
    const packed = pack(record);
    scales.log(record, weightOf(packed));
    path.add(packed);
  };
}

/** What cannot be packed is told later, and not sent. */
function weightOf(packed: object): number {
  return 'weight' in packed ? (packed as Packed).weight : 0;
}

function goesOut({ otlp, ...signals }: Config, signal: Signal): boolean {
  return !otlp.off && signals[signal].exporters.includes('otlp');
}

/** The end: what is left goes to disk, or is counted. Whoever comes later has nothing to do. */
function close(common: Common): void {
  if (common.isOver) return;
  common.isOver = true;
  for (const path of common.paths) path.stop();
  for (const [signal, count] of common.keeper?.leave() ?? []) diagnostics.count(`spooled.${signal}`, count);
  common.outbox.abandon();
  common.verdict.close();
  common.losses.summary();
}

/** One last attempt, and the process stands still for it. There may be no room for a worker, or no right to one. */
function postLast({ parts, outbox, books, exporters }: Common, millis: number): void {
  const manned = signals.filter((signal) => exporters.get(signal)?.standingBy === false);
  if (!manned.some((signal) => outbox.waiting(signal) > 0)) return;
  try {
    parts.loadLastPost().postLast({ signals: manned, config: parts.config, outbox, books, millis });
  } catch (error) {
    diagnostics.debug(`What was left could not be sent at the end: ${String(error)}`);
  }
}

/** Sooner or later each process that has a spool looks for what others left; who has something to write cannot wait. */
function openSpool(common: Common): void {
  const { parts, outbox, books, paths } = common;
  const { spool, service } = parts.config;
  if (spool.dir === undefined || common.keeper !== undefined || common.isOver) return;
  common.keeper = parts.loadSpool().keepSpool({
    dir: spool.dir,
    maxBytes: spool.maxBytes,
    service: service.name,
    outbox,
    books,
    onAdopted() {
      for (const path of paths) path.wake();
    },
  });
}

function spanPath(common: Common): Path<ItemOf['traces']> {
  return pathOf(common, 'traces', common.parts.config.traces.batch, { weightOf });
}

function logPath(common: Common): Path<ItemOf['logs']> {
  const { logs, spool } = common.parts.config;
  const isAtLeast =
    (least: number) =>
    ({ severityNumber = 0 }: ItemOf['logs']) =>
      severityNumber >= least;
  const isError = isAtLeast(severity.ERROR);
  return pathOf(common, 'logs', logs.batch, {
    laneOf: (record) => (isError(record) ? 'errors' : 'logs'),
    weightOf,
    onPacked: () => scales.settleLooks(),
    ...(spool.dir !== undefined && {
      isUrgent: isError,
      isLastWord: isAtLeast(severity.FATAL),
    }),
  });
}

/** A collection is a request of its own. A cumulative one that waits is replaced by its successor. */
function metricPath(common: Common): Path<ItemOf['metrics']> {
  const { temporality, exportTimeoutMillis } = common.parts.config.metrics;
  const batch = {
    scheduleDelayMillis: 0,
    exportTimeoutMillis,
    maxQueueSize: 1,
    maxExportBatchSize: 1,
  };
  return pathOf(common, 'metrics', batch, {
    countOf: pointsOf,
    onPacked: ([collection], bytes) => scales.collection(collection as ItemOf['metrics'], bytes),
    prepare() {
      openSpool(common);
      if (temporality !== 'cumulative') return;
      const points = common.outbox.supersede('metrics');
      if (points > 0) diagnostics.count('superseded.metrics', points);
    },
  });
}

function pathOf<S extends Signal>(
  common: Common,
  signal: S,
  batch: BatchConfig,
  given: Partial<ConstructorParameters<typeof Path<ItemOf[S]>>[0]> = {},
): Path<ItemOf[S]> {
  const { config } = common.parts;
  const { exporter, pack } = watched(common, signal);
  common.exporters.set(signal, exporter);
  return new Path<ItemOf[S]>({
    signal,
    batch,
    outbox: common.outbox,
    books: common.books,
    exporter,
    pack,
    json: config.otlp[signal].protocol === 'http/json',
    prepare: () => openSpool(common),
    packMillis: config.spool.dir === undefined ? batch.scheduleDelayMillis : spoolMillis,
    isHopeless: () => common.keeper?.isOpen === true && common.failing.has(signal),
    ...given,
  });
}

/** The exporter of a signal with its retries, under the eyes of the verdict. */
function watched<S extends Signal>(
  common: Common,
  signal: S,
): { exporter: RetryingExporter<Entry>; pack(items: readonly ItemOf[S][]): Encoded } {
  const { parts, verdict, failing } = common;
  const target = parts.config.otlp[signal];
  const to = { signal, protocol: target.protocol, origin: originOf(target), named: target.named };
  const { exporter, pack } = openedLater(common, signal, target, to);
  const policy: RetryPolicy = {
    ...retryDefaults,
    // What waits is bounded by bytes, and a later batch would meet the same: there is nothing to gain by giving up.
    giveUpMillis: Number.POSITIVE_INFINITY,
    mostAtOnce: mostAtOnce[signal],
    ...parts.retry,
    standby: target.named ? undefined : standbyAt(common, to.origin),
    onAttempt(attempt) {
      if (attempt.outcome !== 'ok') common.lastError = attempt.reason ?? String(attempt.code);
      if (attempt.outcome === 'failed') failing.add(signal);
      else if (failing.delete(signal)) nudgeOthers(common, to.origin);
      return verdict.heard(to, attempt);
    },
  };
  return { exporter: retrying(exporter, policy), pack };
}

/** Who answers one signal again is worth asking for the others. */
function nudgeOthers({ parts, exporters, failing }: Common, origin: string): void {
  for (const other of failing)
    if (originOf(parts.config.otlp[other]) === origin) exporters.get(other)?.nudge();
}

/** As the opened endpoint has it; an address that cannot be used has none. */
function originOf({ endpoint, protocol, insecure }: OtlpTarget): string {
  const isBare = protocol === 'grpc' && !endpoint.includes('://');
  const {
    protocol: scheme,
    origin,
    hostname,
  } = URL.parse(isBare ? `${insecure ? 'http' : 'https'}://${endpoint}` : endpoint) ?? {
    protocol: '',
    origin: '',
    hostname: '',
  };
  if (scheme === 'http+unix:') return `unix:${decodeURIComponent(hostname)}`;
  return /^https?:$/.test(scheme) ? origin : 'nowhere';
}

function openedLater<S extends Signal>(
  { parts, deps, verdict }: Common,
  signal: S,
  target: OtlpTarget,
  to: Destination,
): { exporter: Exporter<Entry>; pack(items: readonly ItemOf[S][]): Encoded } {
  let opened: OtlpExporter<ItemOf[S]> | undefined;
  let closed = false;
  const open = (): OtlpExporter<ItemOf[S]> => {
    opened ??= parts.loadOtlp().otlpExporter(signal, target, deps);
    return opened;
  };
  const send = timed(always, (body: Uint8Array, form: 'json' | 'protobuf') => open().send(body, form));
  // A key that only root may read is read while the process still is root.
  if (target.certificate ?? target.clientKey ?? target.clientCertificate) open();
  return {
    pack: (items) => open().pack(items),
    exporter: {
      name: `otlp ${signal} ${target.protocol}`,
      async export(entries): Promise<Attempt> {
        if (closed) return { outcome: 'failed', code: 'closed' };
        verdict.begun(to);
        return send(bodyOf(entries), entries[0]?.json ? 'json' : 'protobuf');
      },
      async forceFlush() {},
      async shutdown() {
        closed = true;
        await opened?.shutdown();
      },
    },
  };
}

function standbyAt({ standbys, parts }: Common, origin: string): Standby {
  const standby = standbys.get(origin) ?? createStandby(origin, parts.standby ?? standbyTimes);
  standbys.set(origin, standby);
  return standby;
}
