import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { type Reported, reportDelivery } from '../../src/delivery/self-metrics.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { type Ended, runNode } from '../support/child.ts';
import { metered } from '../support/metered.ts';
import { type OtlpSink, type SinkMetric, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

type Export = Parameters<Parameters<Reported['onExport']>[0]>;

/** A signal with these figures; gives back what tells of an export, too. */
function signal(given: Partial<Reported>): Reported & { exported(...told: Export): void } {
  let listener: ((...told: Export) => void) | undefined;
  return {
    signal: 'traces',
    protocol: 'http/protobuf',
    origin: 'http://collector:4318',
    capacity: undefined,
    queued: () => 0,
    underWay: () => 0,
    handed: () => 0,
    onExport(heard) {
      listener = heard;
    },
    exported: (...told) => listener?.(...told),
    ...given,
  };
}

/** What the conventions have for SDKs, without what they have given up. */
function conventionalNames(): string[] {
  const folder = dirname(createRequire(import.meta.url).resolve('@opentelemetry/semantic-conventions'));
  const text = readFileSync(join(folder, 'experimental_metrics.d.mts'), 'utf8');
  const current = text.split('/**').filter((block) => !block.includes('@deprecated'));
  const named = /declare const METRIC_\w+: "(otel\.sdk\.[a-z_.]+)"/;
  return current.flatMap((block) => named.exec(block)?.[1] ?? []).sort();
}

describe("the delivery's own metrics", () => {
  it('say what was exported and what was lost, under its reason, and how much waits (R8)', async () => {
    const { meter, reader } = metered();
    const spans = signal({
      protocol: 'grpc',
      capacity: 2048,
      queued: () => 7,
      underWay: () => 512,
      handed: () => 900,
    });
    reportDelivery(meter, [spans, signal({ signal: 'logs' }), signal({ signal: 'metrics' })]);
    spans.exported(250, { outcome: 'ok' });
    spans.exported(2000, { outcome: 'rejected', code: 400 });
    const reasons = ['400', 'queue_full', 'partial', 'shutdown'];
    for (const name of ['delivered.traces', ...reasons.map((why) => `dropped.traces.${why}`)]) {
      diagnostics.count(name, 3);
    }
    const { scopeMetrics } = (await reader.collect()).resourceMetrics;
    const metrics = scopeMetrics.flatMap((scope) => scope.metrics);
    const pointsOf = (name: string) =>
      metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints as
        | { attributes: Record<string, unknown>; value: number }[]
        | undefined;
    const valueAt = (name: string, why?: string) =>
      pointsOf(name)?.find(({ attributes }) => attributes['error.type'] === why)?.value;
    const counted = (name: string) => diagnostics.counters().get(name);
    const exported = 'otel.sdk.exporter.span.exported';
    expect(valueAt(exported)).to.equal(counted('delivered.traces'));
    expect(valueAt(exported, '400')).to.equal(counted('dropped.traces.400'));
    expect(valueAt(exported, 'rejected')).to.equal(counted('dropped.traces.partial'));
    expect(valueAt(exported, 'queue_full')).to.equal(undefined);
    const processed = 'otel.sdk.processor.span.processed';
    expect(valueAt(processed)).to.equal(900);
    expect(valueAt(processed, 'queue_full')).to.equal(counted('dropped.traces.queue_full'));
    expect(valueAt(processed, 'already_shutdown')).to.equal(counted('dropped.traces.shutdown'));
    expect(valueAt('otel.sdk.processor.span.queue.size')).to.equal(7);
    expect(valueAt('otel.sdk.processor.span.queue.capacity')).to.equal(2048);
    expect(valueAt('otel.sdk.exporter.span.inflight')).to.equal(512);
    expect(pointsOf(exported)![0]!.attributes).to.include({
      'otel.component.type': 'otlp_grpc_span_exporter',
      'server.address': 'collector',
      'server.port': 4318,
    });
    const durations = pointsOf('otel.sdk.exporter.operation.duration') as unknown as {
      attributes: Record<string, unknown>;
      value: { count: number; sum: number };
    }[];
    expect(durations.map(({ attributes, value }) => [attributes['error.type'], value.sum])).to.deep.equal([
      [undefined, 0.25],
      ['400', 2],
    ]);
  });
});

describe('the metrics of the SDK in a real process', function () {
  this.timeout(30_000);
  let sink: OtlpSink;
  let ended: Ended;
  const program = `
    const { getLogger, init, withSpan } = require('sonde');
    const { trace, ROOT_CONTEXT } = require('@opentelemetry/api');
    const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true };
    const unsampled = { ...remote, traceFlags: 0 };
    const tracer = trace.getTracer('app');
    (async () => {
      for (let i = 0; i < 5; i++) withSpan('outer', () => withSpan('inner', () => getLogger('app').info('x')));
      tracer.startSpan('continued', {}, trace.setSpanContext(ROOT_CONTEXT, remote)).end();
      tracer.startSpan('left out', {}, trace.setSpanContext(ROOT_CONTEXT, unsampled)).end();
      tracer.startSpan('still open');
      await init().forceFlush();
      await init().forceFlush();
    })();`;

  before(async () => {
    sink = await startSink();
    ended = await runNode(['--require', 'sonde/register', '-e', program], {
      cwd: appFolder(),
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
        OTEL_BSP_MAX_QUEUE_SIZE: '1000',
        OTEL_BLRP_MAX_QUEUE_SIZE: '1000',
      },
    });
    await sink.close();
  });

  const last = (name: string): SinkMetric => sink.metrics().findLast((metric) => metric.name === name)!;
  const started = (origin: string, result: string) =>
    last('otel.sdk.span.started').points.find(
      ({ attributes }) =>
        attributes['otel.span.parent.origin'] === origin &&
        attributes['otel.span.sampling_result'] === result,
    )?.value;

  it('are all that the conventions know (R8)', () => {
    expect(ended).to.include({ code: 0, stderr: '' });
    const names = new Set(sink.metrics().map(({ name }) => name));
    expect([...names].filter((name) => name.startsWith('otel.sdk.')).sort()).to.deep.equal(
      conventionalNames(),
    );
  });

  it('count each span by its parent and by what the sampler said, and those that are open', () => {
    expect(started('none', 'RECORD_AND_SAMPLE')).to.equal(6);
    expect(started('local', 'RECORD_AND_SAMPLE')).to.equal(5);
    expect(started('remote', 'RECORD_AND_SAMPLE')).to.equal(1);
    expect(started('remote', 'DROP')).to.equal(1);
    expect(last('otel.sdk.span.live').points.map(({ value }) => value)).to.deep.equal([1]);
    expect(last('otel.sdk.log.created').points.map(({ value }) => value)).to.deep.equal([5]);
  });

  it('balance with what the receiver has', () => {
    const exported = last('otel.sdk.exporter.span.exported').points.map(({ value }) => value);
    expect(exported).to.deep.equal([sink.spans().length]);
    expect(sink.spans()).to.have.length(11);
    expect(last('otel.sdk.processor.log.queue.capacity').points[0]!.value).to.equal(1000);
    const collections = last('otel.sdk.metric_reader.collection.duration').points[0]!;
    expect(collections.attributes).to.include({ 'otel.component.name': 'periodic_metric_reader/0' });
    expect(collections.count).to.be.at.least(1);
  });
});
