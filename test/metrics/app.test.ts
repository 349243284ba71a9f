/** The app's own instruments: `counter`, `histogram`, `gauge`, `observe`, before and after `init`, and their handles. */
import { metrics as api } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { counter, gauge, histogram, observe, startObservations } from '../../src/metrics/instruments.ts';
import { ManualReader, metered } from '../support/metered.ts';

const hostile = { odd: Symbol('s'), big: 10n, when: new Date(0) } as never;

describe("the app's instruments", () => {
  afterEach(() => api.disable());

  async function all(reader: ManualReader) {
    const metrics = await reader.metrics();
    return metrics.map(({ descriptor, dataPoints }) => [
      descriptor.name,
      dataPoints.map(({ attributes, value }) => [attributes, (value as { sum?: number }).sum ?? value]),
    ]);
  }

  function use() {
    const orders = counter('orders', { unit: '{order}' });
    const web = orders.bind({ channel: 'web' });
    const took = histogram('took', { unit: 's' });
    const size = gauge('size').bind({});
    orders.add(1);
    web.add(1);
    return () => {
      orders.add(2, hostile);
      orders.add('nothing' as never);
      web.add(3);
      web.add(Number.NaN);
      took.record(0.5, { a: 1 });
      took.bind({ a: 1 }).record(0.25);
      size.record(7);
      return [orders.enabled(), took.enabled()];
    };
  }

  const expected = [
    [
      'orders',
      [
        [{ big: '10', when: '1970-01-01T00:00:00.000Z' }, 2],
        [{ channel: 'web' }, 3],
      ],
    ],
    ['took', [[{ a: 1 }, 0.75]]],
    ['size', [[{}, 7]]],
  ];

  it('made before init count from then on, through handles, too', async () => {
    const measure = use();
    const { provider, reader } = metered();
    api.setGlobalMeterProvider(provider);
    expect(measure()).to.deep.equal([true, true]);
    expect(await all(reader)).to.deep.equal(expected);
  });

  it('work on the meters of another SDK, which has no handles', async () => {
    const measure = use();
    const reader = new ManualReader();
    api.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    expect(measure()).to.deep.equal([false, false]);
    expect(await all(reader)).to.deep.equal(expected);
  });

  it('that are observed are asked at each collection, whatever they answer', async () => {
    observe('queue.depth', (result) => {
      result.observe(3, { queue: 'mail' });
      result.observe(Number.NaN);
    });
    observe('broken', undefined as never);
    const { provider, reader } = metered();
    api.setGlobalMeterProvider(provider);
    startObservations();
    expect(await all(reader)).to.deep.equal([['queue.depth', [[{ queue: 'mail' }, 3]]]]);
  });
});
