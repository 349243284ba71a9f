import { expect } from 'chai';
import { reportDelivery } from '../../src/delivery/self-metrics.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { metered } from '../support/metered.ts';

describe("the delivery's own metrics", () => {
  it('say what was exported and what was lost, under its reason, and how much waits (R8)', async () => {
    const { meter, reader } = metered();
    reportDelivery(meter, [
      { signal: 'traces', protocol: 'grpc', waiting: () => 7 },
      { signal: 'logs', protocol: 'http/protobuf', waiting: () => 0 },
      { signal: 'metrics', protocol: 'http/json', waiting: () => 0 },
    ]);
    for (const name of ['delivered.traces', 'dropped.traces.400', 'dropped.traces.queue_full']) {
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
    expect(valueAt('otel.sdk.exporter.span.exported')).to.equal(counted('delivered.traces'));
    expect(valueAt('otel.sdk.exporter.span.exported', '400')).to.equal(counted('dropped.traces.400'));
    expect(valueAt('otel.sdk.exporter.span.exported', 'queue_full')).to.equal(undefined);
    expect(valueAt('otel.sdk.processor.span.processed', 'queue_full')).to.equal(
      counted('dropped.traces.queue_full'),
    );
    expect(valueAt('otel.sdk.processor.span.queue.size')).to.equal(7);
    expect(pointsOf('otel.sdk.exporter.span.exported')![0]!.attributes).to.include({
      'otel.component.type': 'otlp_grpc_span_exporter',
    });
  });
});
