/** What the delivery says of itself, by OpenTelemetry's conventions for SDKs (`otel.sdk.*`), from the same counters as everything else. */
import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import type { OtlpProtocol, Signal } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';

export interface Reported {
  readonly signal: Signal;
  readonly protocol: OtlpProtocol;
  /** Items that wait or are under way. */
  waiting(): number;
}

interface Words {
  readonly noun: string;
  readonly unit: string;
  readonly processor?: string;
}

const words: Readonly<Record<Signal, Words>> = {
  traces: { noun: 'span', unit: '{span}', processor: 'batching_span_processor' },
  logs: { noun: 'log', unit: '{log_record}', processor: 'batching_log_processor' },
  metrics: { noun: 'metric_data_point', unit: '{data_point}' },
};

const exporterTypes: Readonly<Record<OtlpProtocol, string>> = {
  'http/protobuf': 'otlp_http',
  'http/json': 'otlp_http_json',
  grpc: 'otlp_grpc',
};

/** What was given up before anybody was asked to take it. */
const beforeSending = new Set([
  ...['queue_full', 'spool_full', 'spool_gone', 'corrupt', 'unfit', 'shutdown'],
]);

/** Reports each signal at every collection. */
export function reportDelivery(meter: Meter, reported: readonly Reported[]): void {
  for (const one of reported) {
    const { noun, unit, processor } = words[one.signal];
    const to = componentOf(`${exporterTypes[one.protocol]}_${noun}_exporter`.replace('_data_point', ''));
    meter
      .createObservableCounter(`otel.sdk.exporter.${noun}.exported`, { unit })
      .addCallback((result) => observe(result, one.signal, to, (why) => !beforeSending.has(why)));
    if (processor === undefined) continue;
    const of = componentOf(processor);
    meter
      .createObservableCounter(`otel.sdk.processor.${noun}.processed`, { unit })
      .addCallback((result) => observe(result, one.signal, of, (why) => beforeSending.has(why)));
    meter
      .createObservableUpDownCounter(`otel.sdk.processor.${noun}.queue.size`, { unit })
      .addCallback((result) => result.observe(one.waiting(), of));
  }
}

function componentOf(type: string): Attributes {
  return { 'otel.component.type': type, 'otel.component.name': `${type}/0` };
}

/** What went well, and each loss that `counts` under its reason. */
function observe(
  result: ObservableResult,
  signal: Signal,
  component: Attributes,
  counts: (why: string) => boolean,
): void {
  const dropped = `dropped.${signal}.`;
  for (const [name, count] of diagnostics.counters()) {
    if (name === `delivered.${signal}`) result.observe(count, component);
    if (!name.startsWith(dropped)) continue;
    const why = name.slice(dropped.length);
    if (counts(why)) result.observe(count, { ...component, 'error.type': why });
  }
}
