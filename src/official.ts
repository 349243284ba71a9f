/**
 * Sockets for official OpenTelemetry parts, as structural interfaces: the published types name no SDK package, and
 * `test/types` assigns the official classes to them.
 */
import type { Context, MeterProvider, TracerProvider } from '@opentelemetry/api';

/** `SpanProcessor` of @opentelemetry/sdk-trace. */
export interface OfficialSpanProcessor {
  onStart(span: any, parentContext: Context): void;
  onEnd(span: any): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/** `Sampler` of @opentelemetry/sdk-trace. Given attributes at the start of a span, unlike the built-in ones. */
export interface OfficialSampler {
  shouldSample(
    context: Context,
    traceId: string,
    spanName: string,
    spanKind: number,
    attributes: any,
    links: any,
  ): any;
  toString(): string;
}

/** `IMetricReader` of @opentelemetry/sdk-metrics. */
export interface OfficialMetricReader {
  collect(options?: any): Promise<unknown>;
  forceFlush(options?: any): Promise<void>;
  shutdown(options?: any): Promise<void>;
}

/** `Instrumentation` of @opentelemetry/instrumentation. */
export interface OfficialInstrumentation {
  readonly instrumentationName: string;
  enable(): void;
  disable(): void;
  setTracerProvider(provider: TracerProvider): void;
  setMeterProvider(provider: MeterProvider): void;
  setLoggerProvider?(provider: any): void;
}

/** What a team plugs in; each is used unchanged, beside what Sonde has of its own. */
export interface OfficialParts {
  readonly spanProcessors?: readonly OfficialSpanProcessor[];
  /** Wins over `OTEL_TRACES_SAMPLER`. */
  readonly sampler?: OfficialSampler;
  readonly metricReaders?: readonly OfficialMetricReader[];
  /** `ViewOptions` of @opentelemetry/sdk-metrics. */
  readonly views?: readonly object[];
  /** Given Sonde's providers and enabled. */
  readonly instrumentations?: readonly OfficialInstrumentation[];
}
