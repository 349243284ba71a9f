import { trace } from '@opentelemetry/api';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { startDelivery } from '../../../exporters/otlp/delivery.ts';
import * as encodingPart from '../../../exporters/otlp/encoding.ts';
import * as grpcPart from '../../../exporters/otlp/grpc.ts';
import * as lastPost from '../../../exporters/otlp/last-post.ts';
import { otlpMetricExporter } from '../../../exporters/otlp/metrics.ts';
import * as otlpPart from '../../../exporters/otlp/otlp.ts';
import { type Config, defaults } from '../../../src/config/config.ts';
import { rootContext } from '../../../src/context/context.ts';
import { withCorrelation } from '../../../src/context/correlation.ts';
import * as spoolPart from '../../../src/delivery/keeper.ts';
import { metered } from '../../support/metered.ts';
import { collection, type Ear, ear, eventually, spanId, target, traceId } from '../../support/otlp-items.ts';
import { attributesOf } from '../../support/otlp-schema.ts';
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

/** Where collections go. */
const nowhere = { add() {}, async forceFlush() {} };

function deliveryTo(endpoint: string, metrics: Partial<Config['metrics']> = {}) {
  const config: Config = {
    ...defaults,
    metrics: { ...defaults.metrics, ...metrics },
    otlp: { ...defaults.otlp, metrics: target({ endpoint, timeoutMillis: 5000 }) },
  };
  const loads = {
    loadEncoding: () => encodingPart,
    loadOtlp: () => otlpPart,
    loadGrpc: () => grpcPart,
    loadSpool: () => spoolPart,
    loadLastPost: () => lastPost,
  };
  return startDelivery({ config, attributes: {}, ...loads, retry: { initialMillis: 5, maxMillis: 20 } });
}

describe('metrics by OTLP', () => {
  let heard: Ear;
  let sink: OtlpSink;
  beforeEach(async () => {
    heard = ear();
    sink = await startSink();
  });
  afterEach(async () => {
    heard.close();
    await sink.close();
  });

  const ignore = () => undefined;

  it('have the temporality that is preferred, by kind of instrument', () => {
    const expected = {
      cumulative: [],
      delta: ['COUNTER', 'OBSERVABLE_COUNTER', 'HISTOGRAM', 'GAUGE', 'OBSERVABLE_GAUGE'],
      lowmemory: ['COUNTER', 'HISTOGRAM'],
    };
    for (const temporality of ['cumulative', 'delta', 'lowmemory'] as const) {
      const exporter: PushMetricExporter = otlpMetricExporter(nowhere, {
        ...defaults.metrics,
        temporality,
      });
      const chosen = kinds.filter((kind) => exporter.selectAggregationTemporality!(kind as never) === delta);
      expect(chosen, temporality).to.deep.equal(expected[temporality]);
    }
  });

  for (const protocol of ['http/protobuf', 'http/json'] as const) {
    it(`can be exponential histograms and deltas (${protocol})`, async () => {
      const endpoint = `${sink.httpUrl}/v1/metrics`;
      const deps = { loadGrpc: () => grpcPart, logs: { resource: { attributes: {} } } };
      const sender = otlpPart.otlpExporter('metrics', target({ endpoint, protocol }), deps);
      const preferences = otlpMetricExporter(nowhere, {
        temporality: 'delta',
        histogramAggregation: 'base2_exponential_bucket_histogram',
      });
      expect(await sender.export([await collection(preferences)])).to.include({ outcome: 'ok' });
      await sender.shutdown();
      expect(sink.faults).to.deep.equal([]);
      const duration = sink.metrics().find((metric) => metric.name === 'duration')!;
      expect(duration).to.include({ kind: 'exponentialHistogram', temporality: 1 });
      const { raw } = duration.points[0]!;
      const buckets: bigint[] = raw.positive.bucketCounts;
      expect(buckets.reduce((sum, count) => sum + count)).to.equal(3n);
      expect(Number(raw.count)).to.equal(3);
    });
  }

  for (const protocol of ['http/protobuf', 'http/json', 'grpc'] as const) {
    it(`carry their exemplars (${protocol})`, async () => {
      const endpoint = protocol === 'grpc' ? sink.grpcUrl : `${sink.httpUrl}/v1/metrics`;
      const deps = { loadGrpc: () => grpcPart, logs: { resource: { attributes: {} } } };
      const sender = otlpPart.otlpExporter('metrics', target({ endpoint, protocol, insecure: true }), deps);
      const { meter, reader } = metered({
        views: [
          { instrumentName: '*', attributeKeys: { included: ['kept'] } },
          { instrumentName: 'exponential', name: 'finer', aggregation: { type: 5 } },
        ],
      });
      const unit = { id: 'order-1042', requestId: undefined, attributes: {} };
      const context = withCorrelation(
        trace.setSpanContext(rootContext, { traceId, spanId, traceFlags: 1 }),
        unit,
      );
      const attributes = { kept: 'text', 'user.id': 42, part: 1.5, minus: -7, yes: true, list: ['a', 'b'] };
      meter.createCounter('counter', { valueType: 0 }).add(2 ** 40, attributes, context);
      meter.createUpDownCounter('carts', { valueType: 0 }).add(-3, attributes, context);
      meter.createGauge('gauge').record(-2.5, attributes, context);
      meter.createHistogram('duration', { unit: 's' }).record(0.25, attributes, context);
      meter.createHistogram('exponential').record(1e-3, attributes, context);
      await sender.export([(await reader.collect()).resourceMetrics]);
      expect(sink.faults).to.deep.equal([]);
      const found = sink.metrics();
      const values: Record<string, number> = {
        counter: 2 ** 40,
        carts: -3,
        gauge: -2.5,
        duration: 0.25,
        exponential: 1e-3,
        finer: 1e-3,
      };
      expect(found.map(({ name }) => name)).to.have.members(Object.keys(values));
      for (const { name, points } of found) {
        const [exemplar] = points[0]!.raw.exemplars;
        expect(Number(exemplar.asDouble ?? exemplar.asInt), name).to.equal(values[name]);
        expect(points[0]?.value ?? points[0]?.sum, name).to.equal(values[name]);
        expect(exemplar.traceId.toString('hex')).to.equal(traceId);
        expect(exemplar.spanId.toString('hex')).to.equal(spanId);
        expect(Number(exemplar.timeUnixNano / 1_000_000n)).to.be.closeTo(Date.now(), 60_000);
        const { kept: _kept, ...filtered } = attributes;
        expect(attributesOf(exemplar.filteredAttributes)).to.deep.equal({
          ...(name === 'finer' ? {} : filtered),
          correlation_id: 'order-1042',
        });
      }
      await sender.shutdown();
    });
  }

  it('answer the reader at once, whatever the receiver does', async () => {
    const delivery = deliveryTo('http://127.0.0.1:1/v1/metrics');
    let answered: unknown;
    delivery.metrics!.export(await collection(), (result) => {
      answered = result;
    });
    expect(answered).to.deep.equal({ code: 0 });
    await delivery.shutdown(100);
  });

  it('replace a cumulative collection that waits by the next one', async () => {
    const delivery = deliveryTo(`${sink.httpUrl}/v1/metrics`);
    sink.failNext({ delayMillis: 100 });
    for (const item of await Promise.all([collection(), collection(), collection()])) {
      delivery.metrics!.export(item, ignore);
    }
    await delivery.forceFlush();
    expect(sink.requests).to.have.length(2);
    expect(heard.counts()).to.include({
      'emitted.metrics': 12,
      'delivered.metrics': 8,
      'superseded.metrics': 4,
    });
    await delivery.shutdown();
  });

  it('keep deltas in line', async () => {
    const delivery = deliveryTo(`${sink.httpUrl}/v1/metrics`, { temporality: 'delta' });
    sink.failNext({ status: 503 }, { status: 503 });
    const one = await collection();
    for (let i = 0; i < 13; i++) delivery.metrics!.export({ ...one }, ignore);
    await delivery.forceFlush();
    expect(sink.metrics()).to.have.length(52);
    expect(heard.counts()).to.include({ 'emitted.metrics': 52, 'delivered.metrics': 52 });
    await delivery.shutdown();
  });

  it('that nobody took before the end are counted', async () => {
    const delivery = deliveryTo(`${sink.httpUrl}/v1/metrics`, { temporality: 'delta' });
    sink.failAlways({ connection: 'hang' });
    for (let i = 0; i < 3; i++) delivery.metrics!.export(await collection(), ignore);
    await delivery.shutdown(50);
    delivery.metrics!.export(await collection(), ignore);
    expect(heard.counted('dropped.metrics.shutdown')).to.equal(16);
    await eventually(() => heard.said.some((line) => line.includes('born after shutdown')));
  });
});
