/** Official readers, exporters and producers do their work on Sonde's meter provider as on their own. */
import type { AddressInfo } from 'node:net';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import {
  AggregationTemporality,
  AggregationType,
  DataPointType,
  InMemoryMetricExporter,
  type MetricProducer,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import type { Reader } from '../../src/metrics/collector.ts';
import { SondeMeterProvider } from '../../src/metrics/meter-provider.ts';
import { ManualReader, metered } from '../support/metered.ts';
import { ear } from '../support/otlp-items.ts';

function providerOf(...readers: unknown[]): SondeMeterProvider {
  return new SondeMeterProvider({ resource: { attributes: {} }, readers: readers as Reader[] });
}

describe('official parts on the meter provider', () => {
  it('export periodically, with their temporality and aggregation', async () => {
    const exporter = Object.assign(new InMemoryMetricExporter(AggregationTemporality.DELTA), {
      selectAggregation: () => ({ type: AggregationType.EXPONENTIAL_HISTOGRAM }) as const,
    });
    const reader = new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: 10,
      exportTimeoutMillis: 10,
    });
    const provider = providerOf(reader);
    const histogram = provider.getMeter('shop').createHistogram('duration');
    histogram.record(5);
    await provider.forceFlush();
    histogram.record(6);
    await provider.shutdown();
    const metrics = exporter
      .getMetrics()
      .flatMap((each) => each.scopeMetrics.flatMap((scope) => scope.metrics));
    expect(metrics.map(({ dataPointType }) => dataPointType)).to.deep.equal([
      DataPointType.EXPONENTIAL_HISTOGRAM,
      DataPointType.EXPONENTIAL_HISTOGRAM,
    ]);
    expect(metrics.map(({ dataPoints }) => (dataPoints[0] as any).value.sum)).to.deep.equal([5, 6]);
  });

  it('limit the series of a reader', async () => {
    const { meter, reader } = metered({ reader: { cardinalitySelector: () => 5 } });
    for (let i = 0; i < 50; i++) meter.createCounter('reader.limit').add(1, { i });
    expect(await reader.points('reader.limit')).to.have.length(5);
  });

  it('serve Prometheus', async () => {
    const exporter = new PrometheusExporter({ preventServerStart: true });
    const provider = providerOf(exporter);
    provider.getMeter('shop').createCounter('orders', { unit: '1' }).add(3, { kind: 'new' });
    (exporter as any)._port = 0;
    await exporter.startServer();
    const { port } = (exporter as any)._server.address() as AddressInfo;
    const page = await (
      await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })
    ).text();
    expect(page).to.match(/^orders_total\{kind="new",otel_scope_name="shop"[^}]*\} 3/m);
    await provider.shutdown();
  });

  it('add what other producers have', async () => {
    const other = providerOf(new ManualReader());
    let producer: MetricProducer | undefined;
    const bridge = { setMetricProducer: (given: MetricProducer) => (producer = given) } as unknown as Reader;
    other.addReader(bridge);
    other.getMeter('elsewhere').createCounter('foreign').add(1);
    const { meter, reader } = metered({ reader: { metricProducers: [producer as MetricProducer] } });
    meter.createCounter('own').add(1);
    const names = (await reader.metrics()).map(({ descriptor }) => descriptor.name);
    expect(names).to.deep.equal(['own', 'foreign']);
  });

  it('that are bound elsewhere are said and left out', async () => {
    const heard = ear();
    const { meter, reader } = metered();
    providerOf(reader).getMeter('shop').createCounter('n').add(1);
    heard.close();
    expect(heard.said[0]).to.match(/metric reader is left out: MetricReader can not be bound/);
    meter.createCounter('first').add(1);
    expect((await reader.metrics()).map(({ descriptor }) => descriptor.name)).to.deep.equal(['first']);
  });
});
