/** The official bootstrap, loaded on demand: every value is handed to it, so that it reads nothing by itself. */
import { type ContextManager, type TextMapPropagator, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  ConsoleMetricExporter,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { NodeSDK, type NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { ConsoleSpanExporter, SimpleSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace';
import type { AttributeValue, Config } from '../config/config.ts';
import { idGenerator } from '../context/ids.ts';
import { redacting } from '../metrics/redacted.ts';
import type { OfficialParts } from '../official.ts';
import { whileStarting } from '../registry.ts';
import { batchProcessor, type SpanQueue } from './batch-processor.ts';
import { identityTracerProvider } from './identity-tracer.ts';
import { redactor } from './redactor.ts';
import { samplerOf } from './sampler.ts';
import { stamper } from './stamper.ts';

export interface SdkParts {
  readonly config: Config;
  readonly attributes: Record<string, AttributeValue>;
  readonly contextManager: ContextManager;
  readonly propagator: TextMapPropagator;
  readonly spans: SpanQueue | undefined;
  readonly metricExporter: PushMetricExporter | undefined;
  readonly official: OfficialParts;
}

export interface RunningSdk {
  shutdown(): Promise<void>;
  forceFlush(): Promise<void>;
}

type Resource = ReturnType<typeof resourceFromAttributes>;

/** The official resource object, shared by the three signals. */
export function resourceOf(attributes: Record<string, AttributeValue>): Resource {
  return resourceFromAttributes(attributes as never);
}

function readersOf({ config, metricExporter, official }: SdkParts): unknown[] {
  const { exporters, exportIntervalMillis, exportTimeoutMillis } = config.metrics;
  const console = exporters.includes('console') ? [new ConsoleMetricExporter()] : [];
  const own = [...(metricExporter ? [metricExporter] : []), ...console].map(
    (exporter) =>
      new PeriodicExportingMetricReader({
        exporter: redacting(exporter),
        exportIntervalMillis,
        exportTimeoutMillis,
      }),
  );
  return [...own, ...(official.metricReaders ?? [])];
}

/**
 * None at all where nothing would come of a recorded span. The stamper stands first: the others see what it sets;
 * then the redactor: the others do not see what it hides.
 */
function processorsOf({ config, spans, official }: SdkParts, stamper: SpanProcessor): unknown[] {
  const console = config.traces.exporters.includes('console')
    ? [new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() })]
    : [];
  const recording = [
    ...(spans ? [batchProcessor(spans)] : []),
    ...console,
    ...(official.spanProcessors ?? []),
  ];
  return recording.length === 0 ? [] : [stamper, redactor as unknown as SpanProcessor, ...recording];
}

/** Starts the official SDK for traces and metrics. Logs are Sonde's own and registered before. */
export function startSdk(parts: SdkParts): RunningSdk {
  const { config, official } = parts;
  const sampler = (official.sampler ?? samplerOf(config.traces)) as NonNullable<
    NodeSDKConfiguration['sampler']
  >;
  const processors = processorsOf(parts, stamper) as SpanProcessor[];
  const readers = readersOf(parts) as NonNullable<NodeSDKConfiguration['metricReaders']>;
  if (processors.length === 0) {
    trace.setGlobalTracerProvider(identityTracerProvider({ sampler, ids: idGenerator }));
  }
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: resourceOf(parts.attributes),
    contextManager: parts.contextManager,
    textMapPropagator: parts.propagator,
    idGenerator,
    sampler,
    spanLimits: config.traces.limits,
    spanProcessors: processors,
    metricReaders: readers,
    views: [...(official.views ?? [])] as never,
    logRecordProcessors: [],
    instrumentations: [],
  });
  whileStarting(() => sdk.start());
  return {
    shutdown: () => sdk.shutdown(),
    async forceFlush() {
      await Promise.allSettled([
        ...processors.map((processor) => processor.forceFlush()),
        ...readers.map((reader) => reader.forceFlush()),
      ]);
    },
  };
}
