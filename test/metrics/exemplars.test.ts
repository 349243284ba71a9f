import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { withCorrelation } from '../../src/context/correlation.ts';
import { withContext } from '../../src/context/unit.ts';
import type { Exemplar } from '../../src/metrics/collected.ts';
import { deltas, metered } from '../support/metered.ts';
import { spanId, traceId } from '../support/otlp-items.ts';

const sampled = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1 });
const unsampled = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 0 });
const plain = ({ value, traceId, spanId, filteredAttributes }: Exemplar) => ({
  value,
  traceId,
  spanId,
  filteredAttributes,
});

describe('exemplars', () => {
  it('are by default what belongs to a sampled trace', async () => {
    const { meter, reader } = metered();
    const histogram = meter.createHistogram('duration');
    histogram.record(1);
    histogram.record(7, {}, unsampled);
    expect((await reader.points('duration'))[0]).not.to.have.property('exemplars');
    histogram.record(20, {}, sampled);
    const before = Date.now();
    const [point] = await reader.points('duration');
    expect(point?.exemplars?.map(plain)).to.deep.equal([
      { value: 20, traceId, spanId, filteredAttributes: {} },
    ]);
    const [seconds, nanos] = point!.exemplars![0]!.timestamp;
    expect(seconds * 1000 + nanos / 1e6).to.be.within(before - 10_000, before);
  });

  it('are all or none when the filter says so', async () => {
    const counts = [];
    for (const exemplarFilter of ['always_on', 'always_off'] as const) {
      const { meter, reader } = metered({ exemplarFilter });
      meter.createCounter('n').add(1);
      meter.createGauge('g').record(1, {}, sampled);
      const points = (await reader.metrics()).flatMap(({ dataPoints }) => dataPoints as any[]);
      counts.push(points.map(({ exemplars }) => exemplars?.length));
    }
    expect(counts).to.deep.equal([
      [1, 1],
      [undefined, undefined],
    ]);
  });

  it('are one for each bucket of a histogram, one for a sum, few for exponential histograms', async () => {
    const views = [{ instrumentName: 'exponential', aggregation: { type: 5 } }];
    const { meter, reader } = metered({ views });
    const histogram = meter.createHistogram('duration', { advice: { explicitBucketBoundaries: [1, 2, 3] } });
    const bound = meter.createCounter('n').bind({});
    for (let i = 0; i < 100; i++) {
      histogram.record(i % 3, {}, sampled);
      bound.add(1, sampled);
      meter.createHistogram('exponential').record(i, {}, sampled);
    }
    const [duration, n, exponential] = await reader.metrics();
    const of = (metric: any): Exemplar[] => metric.dataPoints[0].exemplars;
    expect(
      of(duration)
        .map(({ value }) => value)
        .sort(),
    ).to.satisfy(([low, high]: number[]) => (low === 0 || low === 1) && high === 2);
    expect(of(duration)).to.have.length(2);
    expect(of(n)).to.have.length(1);
    expect(of(exponential)).to.have.length(20);
  });

  it('say what a view took off, and the correlation id where it is not the trace id', async () => {
    const { meter, reader } = metered({
      views: [{ instrumentName: 'n', attributeKeys: { included: ['kept'] } }],
    });
    const unit = { id: 'order-1042', requestId: undefined, attributes: { 'user.id': 7 } };
    const hostile = { kept: 1, dropped: 2, odd: () => 1 };
    meter.createCounter('n').add(1, hostile as never, withCorrelation(sampled, unit));
    const [point] = await reader.points('n');
    expect(point?.attributes).to.deep.equal({ kept: 1 });
    expect(point?.exemplars?.map(plain)).to.deep.equal([
      { value: 1, traceId, spanId, filteredAttributes: { dropped: 2, correlation_id: 'order-1042' } },
    ]);
  });

  it('of the overflow say which series they would have been', async () => {
    const { meter, reader } = metered({ views: [{ instrumentName: 'n', aggregationCardinalityLimit: 1 }] });
    meter.createCounter('n').add(1, { user: 'a' }, sampled);
    const [point] = await reader.points('n');
    expect(point?.exemplars?.[0]?.filteredAttributes).to.deep.equal({ user: 'a' });
  });

  it('follow the context of the call when none is given', async () => {
    const { meter, reader } = metered({ exemplarFilter: 'always_on' });
    withContext({ 'user.id': 7 }, () => meter.createCounter('n').add(1));
    expect((await reader.points('n'))[0]?.exemplars).to.have.length(1);
  });

  it('stay with a cumulative series, and end with a delta', async () => {
    for (const [options, expected] of [
      [undefined, [1, 1]],
      [deltas, [1, undefined]],
    ] as const) {
      const { meter, reader } = metered({ reader: options });
      const counter = meter.createCounter('n');
      counter.add(1, {}, sampled);
      const seen = [(await reader.points('n'))[0]?.exemplars?.length];
      counter.add(1, {}, unsampled);
      seen.push((await reader.points('n'))[0]?.exemplars?.length);
      expect(seen).to.deep.equal(expected);
    }
  });
});
