/** What the delivery says of itself, by OpenTelemetry's conventions for SDKs (`otel.sdk.*`), from the same counters as everything else. */
import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import type { OtlpProtocol, Signal } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';
import type { Attempt } from './retry.ts';

export interface Reported {
  readonly signal: Signal;
  readonly protocol: OtlpProtocol;
  /** `https://collector:4318`, or a word where there is none. */
  readonly origin: string;
  /** Items that may wait, where somebody has set a limit: otherwise bytes are the measure. */
  readonly capacity: number | undefined;
  /** Items that wait for their turn. */
  queued(): number;
  /** Items that the exporter has, retries and pauses included. */
  underWay(): number;
  /** Items that the exporter was given so far. */
  handed(): number;
  /** Lets `listener` hear of each export at its end. */
  onExport(listener: (millis: number, result: Attempt) => void): void;
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

/** The conventions' words for Sonde's reasons. */
const conventional: Readonly<Record<string, string>> = { shutdown: 'already_shutdown', partial: 'rejected' };

/** Reports each signal at every collection. */
export function reportDelivery(meter: Meter, reported: readonly Reported[]): void {
  for (const one of reported) {
    reportExporter(meter, one);
    reportProcessor(meter, one);
  }
}

function reportExporter(meter: Meter, one: Reported): void {
  const { noun, unit } = words[one.signal];
  const type = `${exporterTypes[one.protocol]}_${noun}_exporter`.replace('_data_point', '');
  const to = { ...componentOf(type), ...addressOf(one.origin) };
  meter.createObservableCounter(`otel.sdk.exporter.${noun}.exported`, { unit }).addCallback((result) => {
    result.observe(diagnostics.counters().get(`delivered.${one.signal}`) ?? 0, to);
    observeLosses(result, one.signal, to, (why) => !beforeSending.has(why));
  });
  meter
    .createObservableUpDownCounter(`otel.sdk.exporter.${noun}.inflight`, { unit })
    .addCallback((result) => result.observe(one.underWay(), to));
  const duration = meter.createHistogram('otel.sdk.exporter.operation.duration', { unit: 's' });
  one.onExport((millis, { outcome, code }) => {
    const failed = outcome === 'ok' ? undefined : { 'error.type': String(code ?? outcome) };
    duration.record(millis / 1000, { ...to, ...failed });
  });
}

/** What waits to be sent; a collection of metrics waits for nobody. */
function reportProcessor(meter: Meter, { signal, capacity, queued, handed }: Reported): void {
  const { noun, unit, processor } = words[signal];
  if (processor === undefined) return;
  const of = componentOf(processor);
  meter.createObservableCounter(`otel.sdk.processor.${noun}.processed`, { unit }).addCallback((result) => {
    result.observe(handed(), of);
    observeLosses(result, signal, of, (why) => beforeSending.has(why));
  });
  const queue = `otel.sdk.processor.${noun}.queue`;
  meter
    .createObservableUpDownCounter(`${queue}.size`, { unit })
    .addCallback((result) => result.observe(queued(), of));
  if (capacity === undefined) return;
  meter
    .createObservableUpDownCounter(`${queue}.capacity`, { unit })
    .addCallback((result) => result.observe(capacity, of));
}

function componentOf(type: string): Attributes {
  return { 'otel.component.type': type, 'otel.component.name': `${type}/0` };
}

const portOf: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

function addressOf(origin: string): Attributes {
  const url = URL.parse(origin);
  if (url === null || url.hostname === '') return {};
  return { 'server.address': url.hostname, 'server.port': Number(url.port) || portOf[url.protocol] };
}

/** Each loss that `counts` under its reason. */
function observeLosses(
  result: ObservableResult,
  signal: Signal,
  component: Attributes,
  counts: (why: string) => boolean,
): void {
  const dropped = `dropped.${signal}.`;
  for (const [name, count] of diagnostics.counters()) {
    if (!name.startsWith(dropped)) continue;
    const why = name.slice(dropped.length);
    if (counts(why)) result.observe(count, { ...component, 'error.type': conventional[why] ?? why });
  }
}
