/** An in-memory tracer and meter with Sonde's context, and what instrumentations made of them. */
import { type Attributes, propagation as apiPropagation, context, metrics, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { type DataPoint, MetricReader } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';
import { type Config, defaults, type Partially } from '../../src/config/config.ts';
import { contextManager } from '../../src/context/context.ts';
import { idGenerator } from '../../src/context/ids.ts';
import { createPropagation, propagation, usePropagation } from '../../src/context/propagation.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import type { Reader as MetricsReader } from '../../src/metrics/collector.ts';
import { SondeMeterProvider } from '../../src/metrics/meter-provider.ts';
import { samplerOf } from '../../src/traces/sampler.ts';
import { SondeTracerProvider } from '../../src/traces/tracer-provider.ts';

export interface ObservedOptions {
  readonly correlation?: Partial<Config['correlation']>;
  readonly propagators?: readonly string[];
  readonly ignorePaths?: readonly string[];
  readonly accessLog?: Partial<Config['accessLog']>;
  readonly security?: Partial<Config['security']>;
  readonly user?: Config['user'];
  readonly http?: Partially<Config['http']>;
  readonly redactKeys?: readonly string[];
  readonly sampler?: Sampler;
  readonly limits?: Partial<Config['traces']['limits']>;
}

/** One series of a duration histogram. */
export interface Point {
  readonly attributes: Attributes;
  /** Of a histogram, how many measurements; of a counter, its sum. */
  readonly count: number;
}

export interface Observed {
  readonly provider: SondeTracerProvider;
  readonly meters: SondeMeterProvider;
  /** Spans that ended so far, in the order they ended. */
  readonly spans: ReadableSpan[];
  points(name: string): Promise<Point[]>;
  /** Waits until so many spans have ended; fails after two seconds. */
  ended(count: number): Promise<ReadableSpan[]>;
  stop(): Promise<void>;
}

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const spanLimits: Config['traces']['limits'] = {
  attributeValueLengthLimit: Number.POSITIVE_INFINITY,
  attributeCountLimit: 128,
  eventCountLimit: 128,
  linkCountLimit: 128,
  attributePerEventCountLimit: 128,
  attributePerLinkCountLimit: 128,
};

function configOf(options: ObservedOptions): Config {
  return {
    propagators: options.propagators ?? ['tracecontext', 'baggage'],
    correlation: {
      headers: ['X-Correlation-ID', 'X-Request-ID'],
      echo: true,
      generator: 'trace',
      propagateTo: [],
      ...options.correlation,
    },
    traces: { limits: { ...spanLimits, ...options.limits } },
    http: { ...defaults.http, ignorePaths: options.ignorePaths ?? [], ...options.http },
    accessLog: { mode: 'off', level: 'info', format: 'semconv', ignore: [], ...options.accessLog },
    security: { allowedHosts: [], rejectHosts: false, ...options.security },
    user: options.user,
    surroundings: {},
    privacy: { redactKeys: options.redactKeys ?? [] },
  } as unknown as Config;
}

/** Enables instrumentations; each is handed `node:http` and `node:https` when it asks for modules. */
export function observe(
  instrumentations: readonly Instrumentation[],
  options: ObservedOptions = {},
): Observed {
  const spans: ReadableSpan[] = [];
  const config = configOf(options);
  const before = propagation();
  const next = createPropagation(config);
  usePropagation(next);
  context.setGlobalContextManager(contextManager);
  apiPropagation.setGlobalPropagator(next.textMap);
  const processor: SpanProcessor = {
    onStart() {},
    onEnd: (span) => void spans.push(span),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const provider = new SondeTracerProvider({
    resource: resourceFromAttributes({}),
    sampler: options.sampler ?? samplerOf(defaults.traces),
    ids: idGenerator,
    limits: config.traces.limits,
    processors: [processor],
  });
  const reader = new Reader();
  const meters = new SondeMeterProvider({ resource: {}, readers: [reader as unknown as MetricsReader] });
  const sensors = { config, tracer: provider.getTracer('test'), meter: meters.getMeter('test') };
  // Official instrumentations find them there.
  trace.setGlobalTracerProvider(provider);
  metrics.setGlobalMeterProvider(meters);
  for (const instrumentation of instrumentations) {
    instrumentation.enable?.(sensors);
    for (const name of instrumentation.modules) {
      instrumentation.patch?.(process.getBuiltinModule(name), name, sensors);
    }
  }
  return {
    provider,
    meters,
    spans,
    async points(name) {
      const { resourceMetrics } = await reader.collect();
      const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
      const found = all.filter((metric) => metric.descriptor.name === name);
      const points = found.flatMap(
        (metric) => metric.dataPoints as readonly DataPoint<number | { count: number }>[],
      );
      return points.map(({ attributes, value }) => ({
        attributes,
        count: typeof value === 'number' ? value : value.count,
      }));
    },
    async ended(count) {
      const deadline = Date.now() + 2000;
      while (spans.length < count && Date.now() < deadline) await new Promise((done) => setTimeout(done, 5));
      if (spans.length < count) throw new Error(`${spans.length} of ${count} spans ended`);
      return spans;
    },
    async stop() {
      for (const instrumentation of instrumentations) instrumentation.disable();
      usePropagation(before);
      await meters.shutdown();
      context.disable();
      apiPropagation.disable();
      trace.disable();
      metrics.disable();
    },
  };
}
