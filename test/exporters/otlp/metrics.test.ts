import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { otlpMetricExporter } from '../../../exporters/otlp/metrics.ts';
import { otlpExporter } from '../../../exporters/otlp/otlp.ts';
import { defaults } from '../../../src/config/config.ts';
import { type Attempt, type RetryingExporter, retrying } from '../../../src/delivery/retry.ts';
import { collection, type Ear, ear, eventually, target } from '../../support/otlp-items.ts';
import { type OtlpSink, startSink } from '../../support/otlp-sink.ts';

const kinds = [
  'COUNTER',
  'OBSERVABLE_COUNTER',
  'HISTOGRAM',
  'GAUGE',
  'OBSERVABLE_GAUGE',
  'UP_DOWN_COUNTER',
  'OBSERVABLE_UP_DOWN_COUNTER',
] as const;
const delta = 0;

/** Answers when it is let; keeps what it was given. */
function gated(answer: Attempt = { outcome: 'ok' }) {
  const taken: ResourceMetrics[] = [];
  const gates: (() => void)[] = [];
  const exporter: RetryingExporter<ResourceMetrics> = {
    name: 'test',
    standingBy: false,
    unproven: false,
    nudge() {},
    hurry() {},
    async export([item]) {
      taken.push(item as ResourceMetrics);
      await new Promise<void>((resolve) => gates.push(resolve));
      return answer;
    },
    async forceFlush() {},
    async shutdown() {},
  };
  return { exporter, taken, gates };
}

describe('metrics by OTLP', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  const ignore = () => undefined;

  it('have the temporality that is preferred, by kind of instrument', () => {
    const expected = {
      cumulative: [],
      delta: ['COUNTER', 'OBSERVABLE_COUNTER', 'HISTOGRAM', 'GAUGE', 'OBSERVABLE_GAUGE'],
      lowmemory: ['COUNTER', 'HISTOGRAM'],
    };
    for (const temporality of ['cumulative', 'delta', 'lowmemory'] as const) {
      const exporter: PushMetricExporter = otlpMetricExporter(gated().exporter, {
        ...defaults.metrics,
        temporality,
      });
      const chosen = kinds.filter((kind) => exporter.selectAggregationTemporality!(kind as never) === delta);
      expect(chosen, temporality).to.deep.equal(expected[temporality]);
    }
  });

  for (const protocol of ['http/protobuf', 'http/json'] as const) {
    it(`can be exponential histograms and deltas (${protocol})`, async () => {
      const sink: OtlpSink = await startSink();
      const endpoint = `${sink.httpUrl}/v1/metrics`;
      const deps = { loadGrpc: () => expect.fail('not grpc'), logs: { resource: { attributes: {} } } };
      const sender = retrying(otlpExporter('metrics', target({ endpoint, protocol }), deps));
      const exporter = otlpMetricExporter(sender, {
        temporality: 'delta',
        histogramAggregation: 'base2_exponential_bucket_histogram',
      });
      exporter.export(await collection(exporter), ignore);
      await exporter.forceFlush();
      await exporter.shutdown();
      expect(sink.faults).to.deep.equal([]);
      const duration = sink.metrics().find((metric) => metric.name === 'duration')!;
      expect(duration).to.include({ kind: 'exponentialHistogram', temporality: 1 });
      const { raw } = duration.points[0]!;
      const buckets: bigint[] = raw.positive.bucketCounts;
      expect(buckets.reduce((sum, count) => sum + count)).to.equal(3n);
      expect(Number(raw.count)).to.equal(3);
      expect(heard.counts()).to.include({ 'emitted.metrics': 4, 'delivered.metrics': 4 });
      await sink.close();
    });
  }

  it('answer the reader at once, whatever the receiver does', async () => {
    const { exporter, gates } = gated();
    let answered: unknown;
    const push = otlpMetricExporter(exporter, defaults.metrics);
    push.export(await collection(), (result) => {
      answered = result;
    });
    expect(answered).to.deep.equal({ code: 0 });
    gates[0]!();
  });

  it('replace a cumulative collection that waits by the next one', async () => {
    const { exporter, taken, gates } = gated();
    const push = otlpMetricExporter(exporter, defaults.metrics);
    const given = await Promise.all([collection(), collection(), collection()]);
    for (const item of given) push.export(item, ignore);
    gates[0]!();
    await eventually(() => gates.length === 2);
    gates[1]!();
    await push.forceFlush();
    expect(taken).to.deep.equal([given[0], given[2]]);
    expect(heard.counts()).to.include({
      'emitted.metrics': 12,
      'delivered.metrics': 8,
      'superseded.metrics': 4,
    });
  });

  it('keep deltas in line, and count what exceeds it', async () => {
    const { exporter, taken, gates } = gated();
    const push = otlpMetricExporter(exporter, { ...defaults.metrics, temporality: 'delta' });
    const one = await collection();
    for (let i = 0; i < 13; i++) push.export({ ...one }, ignore);
    for (let i = 0; i < 11; i++) {
      await eventually(() => gates.length > i);
      gates[i]!();
    }
    await push.forceFlush();
    expect(taken).to.have.length(11);
    expect(heard.counts()).to.include({
      'emitted.metrics': 52,
      'delivered.metrics': 44,
      'dropped.metrics.queue_full': 8,
    });
  });

  it('that nobody took before the end are counted', async () => {
    const { exporter } = gated();
    const push = otlpMetricExporter(exporter, { ...defaults.metrics, temporality: 'delta' });
    for (let i = 0; i < 3; i++) push.export(await collection(), ignore);
    await push.shutdown(10);
    push.export(await collection(), ignore);
    expect(heard.counted('dropped.metrics.shutdown')).to.equal(16);
  });
});
