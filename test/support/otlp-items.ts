/** Real spans, collections and records to send, and an ear for what Sonde says and counts meanwhile. */
import { SpanKind, TraceFlags } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  MeterProvider,
  MetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace';
import type { OtlpTarget } from '../../src/config/config.ts';
import { rootContext } from '../../src/context/context.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import type { LogRecord } from '../../src/logs/record.ts';

export const traceId = '0af7651916cd43dd8448eb211c80319c';
export const spanId = 'b7ad6b7169203331';
const resource = resourceFromAttributes({ 'service.name': 'shop' });

/** A record of logger `shop.orders` inside a trace, overridden by `given`. */
export function logRecord(given: Partial<LogRecord> = {}): LogRecord {
  return {
    time: 1_795_233_313_307.25,
    level: 'INFO',
    severityNumber: 9,
    logger: 'shop.orders',
    message: 'order created',
    stamp: {
      traceId,
      spanId,
      traceFlags: 1,
      correlationId: 'order-1042',
      requestId: 'request-7',
      attributes: { 'user.id': 42 },
    },
    context: rootContext,
    ...given,
  };
}

/** `count` finished spans of the official SDK, each with an event, a link and attributes of every kind. */
export function finishedSpans(count = 1, name = 'GET /orders'): ReadableSpan[] {
  const provider = new TracerProvider({ resource });
  const tracer = provider.getTracer('shop', '1.2.3');
  return Array.from({ length: count }, (_, i) => {
    const span = tracer.startSpan(`${name} ${i}`, {
      kind: SpanKind.SERVER,
      attributes: {
        text: 'gr\u00fc\u00df',
        whole: 7,
        part: 1.5,
        big: 2 ** 53 - 1,
        yes: true,
        list: ['a', 'b'],
      },
      links: [{ context: { traceId, spanId, traceFlags: TraceFlags.SAMPLED }, attributes: { why: 'retry' } }],
    });
    span.addEvent('cached', { hit: false });
    span.setStatus({ code: 2, message: 'no stock' });
    span.end();
    return span as unknown as ReadableSpan;
  });
}

class Collector extends MetricReader {
  constructor(exporter?: Pick<PushMetricExporter, 'selectAggregation' | 'selectAggregationTemporality'>) {
    super({
      aggregationSelector: exporter?.selectAggregation,
      aggregationTemporalitySelector: exporter?.selectAggregationTemporality,
    } as never);
  }
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** One collection with a counter, an up-down counter, a gauge and a histogram; kinds as `exporter` selects them. */
export async function collection(
  exporter?: Pick<PushMetricExporter, 'selectAggregation' | 'selectAggregationTemporality'>,
): Promise<ResourceMetrics> {
  const reader = new Collector(exporter);
  const meter = new MeterProvider({ resource, readers: [reader] }).getMeter('shop', '1.2.3');
  meter
    .createCounter('orders', { unit: '{order}', description: 'Orders', valueType: 0 })
    .add(3, { kind: 'new' });
  meter.createUpDownCounter('carts').add(-2.5);
  meter.createGauge('temperature', { unit: 'Cel' }).record(21.5);
  const duration = meter.createHistogram('duration', { unit: 's' });
  for (const seconds of [0.003, 7, 12_000]) duration.record(seconds);
  return (await reader.collect()).resourceMetrics;
}

/** A target with short times, overridden by `given`. */
export function target(given: Partial<OtlpTarget>): OtlpTarget {
  return {
    endpoint: 'http://127.0.0.1:1/v1/logs',
    named: true,
    protocol: 'http/protobuf',
    headers: {},
    timeoutMillis: 2000,
    compression: 'none',
    insecure: false,
    ...given,
  };
}

export interface Ear {
  /** `level message`, in order. */
  readonly said: string[];
  /** What a counter has grown by since the ear was opened. */
  counted(name: string): number;
  /** Every counter that has grown, by name. */
  counts(): Record<string, number>;
  close(): void;
}

/** Listens to Sonde's own voice; everything it counts is compared with now. */
export function ear(): Ear {
  const said: string[] = [];
  const before = new Map(diagnostics.counters());
  const voice = diagnostics.speakThrough((level, message) => void said.push(`${level} ${message}`));
  const counted = (name: string) => (diagnostics.counters().get(name) ?? 0) - (before.get(name) ?? 0);
  return {
    said,
    counted,
    counts: () =>
      Object.fromEntries(
        [...diagnostics.counters().keys()]
          .map((name) => [name, counted(name)] as const)
          .filter(([, by]) => by > 0),
      ),
    close: () => void diagnostics.speakThrough(voice),
  };
}

/** Waits until `ready` holds, looking every few milliseconds; rejects after 10 s. */
export async function eventually(ready: () => boolean, what = 'it'): Promise<void> {
  const end = Date.now() + 10_000;
  while (!ready()) {
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
