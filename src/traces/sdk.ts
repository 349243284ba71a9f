/** Registers Sonde's traces and metrics with OpenTelemetry's API, with the official parts that an app brings. */
import {
  type ContextManager,
  context,
  metrics,
  propagation,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { AttributeValue, Config } from '../config/config.ts';
import { idGenerator } from '../context/ids.ts';
import { load } from '../load.ts';
import { collectionTimer } from '../metrics/collection-timer.ts';
import type { Reader } from '../metrics/collector.ts';
import { SondeMeterProvider } from '../metrics/meter-provider.ts';
import { PeriodicReader, type PushExporter } from '../metrics/periodic-reader.ts';
import { redacting } from '../metrics/redacted.ts';
import type { OfficialParts, OfficialSampler } from '../official.ts';
import { guardedProcessor, guardedReader, guardedSampler } from '../official-guard.ts';
import { whileStarting } from '../registry.ts';
import { VERSION } from '../version.ts';
import { batchProcessor, type SpanQueue } from './batch-processor.ts';
import { counted } from './census.ts';
import { identityTracerProvider } from './identity-tracer.ts';
import { redactor } from './redactor.ts';
import { samplerOf } from './sampler.ts';
import { spanFindings } from './span-findings.ts';
import { SpanProcessors } from './span-processors.ts';
import { stableNames } from './stable-names.ts';
import { stamper } from './stamper.ts';
import { tailSampler } from './tail-sampler.ts';
import { SondeTracerProvider } from './tracer-provider.ts';
import { openSpans } from './unfinished.ts';
import { watched } from './watched.ts';

export interface SdkParts {
  readonly config: Config;
  /** Its attributes are read when somebody looks at a span or a metric. */
  readonly resource: { readonly attributes: Record<string, AttributeValue> };
  readonly contextManager: ContextManager;
  readonly propagator: TextMapPropagator;
  readonly spans: SpanQueue | undefined;
  readonly metricExporter: PushExporter | undefined;
  /** What else takes spans and metrics: OTLP's JSON lines. */
  readonly lines:
    | { readonly spans: SpanQueue | undefined; readonly metrics: PushExporter | undefined }
    | undefined;
  readonly official: OfficialParts;
}

type TailSampling = ReturnType<typeof import('./tail-sampling.ts').tailSampling>;

export interface RunningSdk {
  /** Which traces are kept, for people. */
  readonly sampler: string;
  addReader(reader: Reader): void;
  shutdown(): Promise<void>;
  forceFlush(): Promise<void>;
  /** Every open span goes to the processors as it is, marked, and stays open. Only where the process may be frozen. */
  queueUnfinished(): void;
  /** Waits for verdicts, where the sampler is `sonde_tail`. */
  readonly tail: TailSampling | undefined;
  /** The last collection of metrics, in this very turn. */
  collectLast(): void;
}

type Resource = ReturnType<typeof resourceFromAttributes>;

/** The official resource object, shared by the three signals. */
export function resourceOf(given: SdkParts['resource']): Resource {
  let made: Resource | undefined;
  const official = (): Resource => {
    made ??= resourceFromAttributes(given.attributes as never);
    return made;
  };
  return {
    asyncAttributesPending: false,
    get attributes() {
      return official().attributes;
    },
    merge: (other) => official().merge(other),
    getRawAttributes: () => official().getRawAttributes(),
  };
}

/** Under a test runner, and for whoever loaded `sonde/testing` first, spans are there to be looked at. */
function isForTests({ surroundings }: Config): boolean {
  return surroundings.testRunner || watched.wanted;
}

/** A test's reader joins with its first question, and sees what is measured from then on. */
function readOnDemand(meters: SondeMeterProvider): () => Promise<unknown> {
  let collect: Parameters<Reader['setMetricProducer']>[0]['collect'] | undefined;
  const reader: Reader = {
    setMetricProducer(producer) {
      collect = (options) => producer.collect(options);
    },
    async forceFlush() {},
    async shutdown() {},
  };
  return async () => {
    if (collect === undefined) meters.addReader(reader);
    return (await collect?.())?.resourceMetrics;
  };
}

function readersOf({ config, metricExporter, lines, official }: SdkParts): Reader[] {
  const { exporters, exportIntervalMillis, exportTimeoutMillis } = config.metrics;
  const console = exporters.includes('console')
    ? [load<typeof import('./official-console.ts')>('officialConsole').metricExporter()]
    : [];
  const pushed = [metricExporter, lines?.metrics].filter((exporter) => exporter !== undefined);
  const own = [...pushed, ...console].map(
    (exporter, number) =>
      new PeriodicReader({
        exporter: redacting(exporter),
        intervalMillis: exportIntervalMillis,
        timeoutMillis: exportTimeoutMillis,
        onCollected: collectionTimer('periodic_metric_reader', number),
      }),
  );
  const given = (official.metricReaders ?? []) as readonly unknown[] as readonly Reader[];
  return [...own, ...given.map(guardedReader)];
}

/** No span is sampled, whoever asks: then none needs to be more than its ids. */
function recordsNothing({ config, official }: Pick<SdkParts, 'config' | 'official'>): boolean {
  return config.traces.sampler === 'always_off' && official.sampler === undefined;
}

/** Those who take ended spans: Sonde's own, and those that the app has brought. */
interface Takers {
  readonly own: readonly SpanProcessor[];
  readonly given: readonly SpanProcessor[];
}

function takersOf({ config, spans, lines, official }: SdkParts): Takers {
  const console = config.traces.exporters.includes('console')
    ? [load<typeof import('./official-console.ts')>('officialConsole').spanProcessor()]
    : [];
  const queues = [spans, lines?.spans].flatMap((queue) => (queue ? [batchProcessor(queue)] : []));
  return {
    own: [...queues, ...console],
    given: (official.spanProcessors ?? []).map(guardedProcessor) as never,
  };
}

function tailOf({ config, official }: SdkParts, takers: Takers): TailSampling | undefined {
  if (config.traces.sampler !== 'sonde_tail' || official.sampler !== undefined) return undefined;
  const { tailSampling } = load<typeof import('./tail-sampling.ts')>('tail');
  return tailSampling({
    config: config.traces,
    takers: new SpanProcessors(lastOf(takers)),
    seers: takers.given.length === 0 ? undefined : new SpanProcessors([cleaner, ...takers.given]),
  });
}

const cleaner = redactor as unknown as SpanProcessor;

/** The redactor stands first: the others do not see what it hides. */
function lastOf({ own, given }: Takers): SpanProcessor[] {
  return [cleaner, ...own, ...given];
}

/**
 * None at all where nothing would come of a recorded span. The stamper stands first: the others see what it sets; then
 * the names; then those who take what has ended, or who holds it back from them.
 */
function processorsOf(
  { config, official }: SdkParts,
  { takers, tail, meters }: { takers: Takers; tail: TailSampling | undefined; meters: SondeMeterProvider },
): { readonly chain: readonly SpanProcessor[]; readonly last: readonly SpanProcessor[] } {
  const isTaken = takers.own.length + takers.given.length > 0 || isForTests(config) || tail !== undefined;
  if (recordsNothing({ config, official }) || !isTaken) return { chain: [], last: [] };
  const findings = spanFindings(config.traces, meters.getMeter('sonde', VERSION));
  const last = tail === undefined ? lastOf(takers) : [tail.processor];
  return { chain: [stamper, ...findings, stableNames, ...last] as unknown as SpanProcessor[], last };
}

function chosenSampler({ config, official }: SdkParts, tail: TailSampling | undefined): Sampler {
  const own =
    tail === undefined
      ? samplerOf(config.traces, config.service.name)
      : tailSampler(config.traces, tail.isKept);
  if (official.sampler === undefined) return own;
  return guardedSampler(official.sampler, own as OfficialSampler) as Sampler;
}

/** Starts traces and metrics. Logs are registered before. */
export function startSdk(parts: SdkParts): RunningSdk {
  const { config, official } = parts;
  const takers = takersOf(parts);
  const tail = tailOf(parts, takers);
  const sampler = counted(chosenSampler(parts, tail));
  const resource = resourceOf(parts.resource);
  const meters = new SondeMeterProvider({
    resource,
    views: official.views,
    readers: readersOf(parts),
    exemplarFilter: config.metrics.exemplarFilter,
  });
  const { chain, last } = processorsOf(parts, { takers, tail, meters });
  const open = config.flushEach && chain.length > 0 ? openSpans() : undefined;
  const processors = open === undefined ? chain : [open, ...chain];
  watched.readMetrics = readOnDemand(meters);
  const { limits } = config.traces;
  const tracers = new SondeTracerProvider({ resource, sampler, ids: idGenerator, limits, processors });
  whileStarting(() => {
    context.setGlobalContextManager(parts.contextManager.enable());
    propagation.setGlobalPropagator(parts.propagator);
    const identities = identityTracerProvider({ sampler, ids: idGenerator });
    trace.setGlobalTracerProvider(processors.length === 0 ? identities : tracers);
    metrics.setGlobalMeterProvider(meters);
  });
  return {
    sampler: sampler.toString(),
    tail,
    addReader: (reader) => meters.addReader(reader),
    async shutdown() {
      tail?.stop();
      await Promise.all([tracers.shutdown(), meters.shutdown()]);
    },
    queueUnfinished() {
      tail?.conclude();
      // Those before the last look at spans that have really ended.
      for (const span of open?.copies() ?? []) for (const processor of last) processor.onEnd(span);
    },
    collectLast: () => meters.collectLast(),
    async forceFlush() {
      await Promise.allSettled([tracers.forceFlush(), meters.forceFlush()]);
    },
  };
}
