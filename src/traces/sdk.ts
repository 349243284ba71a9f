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
import { stableNames } from './stable-names.ts';
import { stamper } from './stamper.ts';
import { SondeTracerProvider } from './tracer-provider.ts';
import { openSpans } from './unfinished.ts';
import { watched } from './watched.ts';

export interface SdkParts {
  readonly config: Config;
  readonly attributes: Record<string, AttributeValue>;
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

export interface RunningSdk {
  /** Which traces are kept, for people. */
  readonly sampler: string;
  addReader(reader: Reader): void;
  shutdown(): Promise<void>;
  forceFlush(): Promise<void>;
  /** Every open span goes to the processors as it is, marked, and stays open. Only where the process may be frozen. */
  queueUnfinished(): void;
  /** The last collection of metrics, in this very turn. */
  collectLast(): void;
}

type Resource = ReturnType<typeof resourceFromAttributes>;

/** The official resource object, shared by the three signals. */
export function resourceOf(attributes: Record<string, AttributeValue>): Resource {
  return resourceFromAttributes(attributes as never);
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

/**
 * None at all where nothing would come of a recorded span. The stamper stands first: the others see what it sets;
 * then the names, and the
 * redactor: the others do not see what it hides.
 */
function processorsOf(
  { config, spans, lines, official }: SdkParts,
  stamper: SpanProcessor,
  meters: SondeMeterProvider,
): unknown[] {
  const console = config.traces.exporters.includes('console')
    ? [load<typeof import('./official-console.ts')>('officialConsole').spanProcessor()]
    : [];
  const recording = [
    ...[spans, lines?.spans].flatMap((queue) => (queue ? [batchProcessor(queue)] : [])),
    ...console,
    ...(official.spanProcessors ?? []).map(guardedProcessor),
  ];
  const isNeeded = !recordsNothing({ config, official }) && (recording.length > 0 || isForTests(config));
  if (!isNeeded) return [];
  const findings = spanFindings(config.traces, meters.getMeter('sonde', VERSION));
  return [stamper, ...findings, stableNames as unknown as SpanProcessor, redactor, ...recording];
}

function chosenSampler({ config, official }: SdkParts): Sampler {
  const own = samplerOf(config.traces, config.service.name);
  if (official.sampler === undefined) return own;
  return guardedSampler(official.sampler, own as OfficialSampler) as Sampler;
}

/** Starts traces and metrics. Logs are registered before. */
export function startSdk(parts: SdkParts): RunningSdk {
  const { config, official } = parts;
  const sampler = counted(chosenSampler(parts));
  const resource = resourceOf(parts.attributes);
  const meters = new SondeMeterProvider({
    resource,
    views: official.views,
    readers: readersOf(parts),
    exemplarFilter: config.metrics.exemplarFilter,
  });
  const chain = processorsOf(parts, stamper, meters) as SpanProcessor[];
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
    addReader: (reader) => meters.addReader(reader),
    async shutdown() {
      await Promise.all([tracers.shutdown(), meters.shutdown()]);
    },
    queueUnfinished() {
      // Those before the redactor look at spans that have really ended.
      const after = chain.slice(chain.indexOf(redactor as unknown as SpanProcessor));
      for (const span of open?.copies() ?? []) for (const processor of after) processor.onEnd(span);
    },
    collectLast: () => meters.collectLast(),
    async forceFlush() {
      await Promise.allSettled([tracers.forceFlush(), meters.forceFlush()]);
    },
  };
}
