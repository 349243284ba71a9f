import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { deltas, ManualReader, metered } from '../support/metered.ts';
import { type Ear, ear } from '../support/otlp-items.ts';

const hour = { kind: 'new', paid: true };

describe('instruments', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  it('collect the same as those of the official SDK', async () => {
    const own = metered();
    const reader = new ManualReader();
    const official = new MeterProvider({ readers: [reader] }).getMeter('shop', '1.2.3');
    for (const meter of [own.meter, official]) {
      meter.createCounter('orders', { unit: '{order}', description: 'Orders', valueType: 0 }).add(3, hour);
      meter.createUpDownCounter('carts').add(-2.5);
      meter.createGauge('temperature', { unit: 'Cel' }).record(21.5);
      const duration = meter.createHistogram('duration', { unit: 's' });
      for (const seconds of [0.003, 5, 5.1, 12_000]) duration.record(seconds, hour);
      meter.createObservableCounter('seen').addCallback((result) => result.observe(7, { a: 1 }));
      meter.createObservableUpDownCounter('open').addCallback((result) => result.observe(-7));
      meter.createObservableGauge('load').addCallback(async (result) => result.observe(0.5));
    }
    const [mine, theirs] = await Promise.all([own.reader.metrics(), reader.metrics()]);
    const plain = (metrics: typeof mine) =>
      metrics.map(({ descriptor, dataPoints, ...rest }) => ({
        ...rest,
        name: descriptor.name,
        unit: descriptor.unit,
        description: descriptor.description,
        valueType: descriptor.valueType,
        points: dataPoints.map(({ attributes, value }) => ({ attributes, value })),
      }));
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(plain(mine).sort(byName)).to.deep.equal(plain(theirs).sort(byName));
  });

  it('know a series by its attributes, in whatever order they are said', async () => {
    const { meter, reader } = metered();
    const counter = meter.createCounter('orders');
    counter.add(1, { a: '1', b: 2, c: true });
    counter.add(1, { c: true, b: 2, a: '1' });
    counter.bind({ b: 2, a: '1', c: true }).add(1);
    counter.add(1, { a: 1, b: 2, c: true });
    counter.add(1, { a: ['x', 'y'] });
    counter.add(1, { a: ['x', 'y'] });
    counter.add(1, { a: ['xy'] });
    expect((await reader.points('orders')).map(({ value }) => value)).to.deep.equal([3, 1, 2, 1]);
  });

  it('are not changed by who changes the attributes later', async () => {
    const { meter, reader } = metered();
    const attributes = { kind: 'new' };
    meter.createCounter('orders').add(1, attributes);
    attributes.kind = 'old';
    expect((await reader.points('orders'))[0]?.attributes).to.deep.equal({ kind: 'new' });
  });

  it('give deltas, and begin anew after each collection', async () => {
    const { meter, reader } = metered({ reader: deltas });
    const counter = meter.createCounter('orders');
    const bound = counter.bind({ way: 'bound' });
    let total = 10;
    meter.createObservableCounter('seen').addCallback((result) => result.observe(total));
    counter.add(2);
    bound.add(3);
    const first = await reader.metrics();
    const values = (metrics: typeof first) =>
      metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value }) => value)]);
    expect(values(first)).to.deep.equal([
      ['orders', [2, 3]],
      ['seen', [10]],
    ]);
    total = 14;
    bound.add(1);
    const second = await reader.metrics();
    expect(values(second)).to.deep.equal([
      ['orders', [1]],
      ['seen', [4]],
    ]);
    expect(second[0]?.dataPoints[0]?.startTime).to.deep.equal(first[0]?.dataPoints[0]?.endTime);
    total = 3;
    expect(values(await reader.metrics()), 'a counter that began anew').to.deep.equal([['seen', [3]]]);
  });

  it('leave out what is no number, what is negative where nothing shrinks, and what throws', async () => {
    const { meter, reader } = metered();
    const counter = meter.createCounter('orders');
    const histogram = meter.createHistogram('duration');
    const hostile = [
      Symbol('s'),
      10n,
      '7',
      Number.NaN,
      Number.POSITIVE_INFINITY,
      {},
      null,
      undefined,
      -1,
    ] as unknown as number[];
    const throwing = new Proxy({}, { ownKeys: () => expect.fail('trapped') });
    const getter = {
      get bad(): string {
        throw new Error('getter');
      },
    };
    for (const value of hostile) {
      counter.add(value);
      histogram.record(value);
      counter.bind({}).add(value);
    }
    for (const attributes of [throwing, getter, 'text', 7, null, () => 1] as never[]) {
      counter.add(1, attributes);
      counter.bind(attributes).add(1);
    }
    const odd = { symbol: Symbol('s'), big: 10n, fn: () => 1, nested: { a: 1 }, when: new Date(0) };
    histogram.record(1, odd as never);
    const points = await reader.points('orders');
    expect(points.map(({ attributes }) => attributes)).to.deep.equal([{}]);
    expect((await reader.points('duration')).map(({ attributes }) => attributes)).to.deep.equal([
      { big: '10', when: '1970-01-01T00:00:00.000Z' },
    ]);
  });

  it('are the same for the same question, and warn of a namesake that differs', async () => {
    const { meter, reader } = metered();
    expect(meter.createCounter('orders')).to.equal(meter.createCounter('Orders'));
    heard.said.length = 0;
    meter.createCounter('paid', { unit: '{order}' }).add(1);
    meter.createHistogram('paid', { unit: 's' }).record(1);
    expect(heard.said).to.have.length(1);
    expect(heard.said[0]).to.match(/"paid".*exists twice, with type "COUNTER" and "HISTOGRAM", unit/);
    expect((await reader.metrics()).map(({ dataPointType }) => dataPointType)).to.deep.equal([3, 0]);
  });

  it('take the advice on buckets and attributes, unless a view says else', async () => {
    const advice = { explicitBucketBoundaries: [1, 2], attributes: ['kept'] };
    const said = { kept: 1, dropped: 2 };
    const advised = metered();
    advised.meter.createHistogram('duration', { advice }).record(1, said);
    const [point] = await advised.reader.points('duration');
    expect(point?.attributes).to.deep.equal({ kept: 1 });
    expect(point?.value.buckets).to.deep.equal({ boundaries: [1, 2], counts: [1, 0, 0] });
    const viewed = metered({ views: [{ instrumentName: 'duration', description: 'mine' }] });
    viewed.meter.createHistogram('duration', { advice }).record(1, said);
    expect((await viewed.reader.points('duration'))[0]?.attributes).to.deep.equal(said);
  });

  it('ask batch callbacks once for all instruments, drop what comes too late, and name what fails', async () => {
    const { meter, reader } = metered();
    const a = meter.createObservableGauge('a');
    const b = meter.createObservableGauge('b');
    const other = meter.createObservableGauge('other');
    let asked = 0;
    const ask = (result: { observe(instrument: typeof a, value: number): void }) => {
      asked++;
      result.observe(a, 1);
      result.observe(b, 2);
      result.observe(other, 3);
    };
    meter.addBatchObservableCallback(ask, [a, b]);
    meter.addBatchObservableCallback(ask, [b, a]);
    a.addCallback(() => {
      throw new Error('broken');
    });
    other.addCallback(() => new Promise(() => undefined));
    const { resourceMetrics, errors } = await reader.collect({ timeoutMillis: 20 });
    expect(asked).to.equal(1);
    expect(errors.map(String)).to.deep.equal([
      'Error: broken',
      'Error: An observable callback took longer than 20 ms.',
    ]);
    const names = resourceMetrics.scopeMetrics[0]?.metrics.map(({ descriptor }) => descriptor.name);
    expect(names).to.deep.equal(['a', 'b']);
    meter.removeBatchObservableCallback(ask, [b, a]);
    other.removeCallback(() => undefined);
    await reader.collect({ timeoutMillis: 20 });
    expect(asked).to.equal(1);
  });

  it('tell whether anybody collects them', async () => {
    const { meter, provider } = metered({ views: [{ instrumentName: 'idle', aggregation: { type: 1 } }] });
    const counter = meter.createCounter('orders');
    expect(counter.enabled()).to.equal(true);
    expect(meter.createCounter('idle').enabled()).to.equal(false);
    await provider.shutdown();
    expect(counter.enabled()).to.equal(false);
    counter.add(1);
  });

  it('are seen by a reader that comes later, from then on', async () => {
    const { meter, provider } = metered();
    const counter = meter.createCounter('orders');
    const bound = counter.bind({ a: 1 });
    bound.add(1);
    const late = new ManualReader();
    provider.addReader(late as never);
    bound.add(2);
    counter.add(4, { a: 1 });
    expect((await late.points('orders')).map(({ value }) => value)).to.deep.equal([6]);
  });
});
