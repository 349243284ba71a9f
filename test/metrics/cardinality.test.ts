import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { deltas, ManualReader, metered } from '../support/metered.ts';
import { type Ear, ear } from '../support/otlp-items.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const overflow = (points: readonly { attributes: object; value: number }[]) =>
  points.find(({ attributes }) => 'otel.metric.overflow' in attributes);
const sum = (points: readonly { value: number }[]) => points.reduce((all, { value }) => all + value, 0);

describe('the limit of series', function () {
  this.timeout(60_000);
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  for (const reader of [undefined, deltas]) {
    const kind = reader ? 'delta' : 'cumulative';
    it(`is 2,000 with 200,000 attribute sets over 20 collections, and the heap stays flat (${kind})`, async () => {
      const { meter, reader: first, provider } = metered({ reader });
      const second = new ManualReader(reader);
      provider.addReader(second as never);
      const counter = meter.createCounter(`flood.${kind}`);
      const heaps: number[] = [];
      let counted = 0;
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 10_000; i++) counter.add(1, { route: '/orders', user: `user-${round}-${i}` });
        const points = await first.points(`flood.${kind}`);
        expect(points).to.have.length(2_000);
        counted = reader ? counted + sum(points) : sum(points);
        collectGarbage();
        heaps.push(process.memoryUsage().heapUsed);
      }
      expect(counted).to.equal(200_000);
      const unscraped = await second.points(`flood.${kind}`);
      expect(unscraped).to.have.length(2_000);
      expect(sum(unscraped)).to.equal(200_000);
      expect(heaps.at(-1)! - heaps[4]!).to.be.below(2_000_000);
    });
  }

  it('holds for observables, histograms, bound handles and views', async () => {
    const { meter, reader } = metered({
      views: [
        { instrumentName: 'view.flood', aggregationCardinalityLimit: 10 },
        { instrumentName: 'view.flood', attributeKeys: { excluded: ['i'] } },
      ],
    });
    meter.createObservableCounter('observed').addCallback((result) => {
      for (let i = 0; i < 3_000; i++) result.observe(1, { i });
    });
    const histogram = meter.createHistogram('durations');
    const view = meter.createCounter('view.flood');
    for (let i = 0; i < 3_000; i++) {
      histogram.bind({ i }).record(1);
      view.add(1, { i, j: 1 });
    }
    for (let collection = 0; collection < 2; collection++) {
      const observed = await reader.points('observed');
      expect(observed).to.have.length(2_000);
      expect(overflow(observed)?.value).to.equal(1_001);
      expect(await reader.points('durations')).to.have.length(2_000);
      expect((await reader.points('view.flood')).map(({ value }) => value)).to.deep.equal([
        ...new Array(9).fill(1),
        2_991,
        3_000,
      ]);
    }
  });

  it('lets a handle that came too late have a series of its own after a delta', async () => {
    const { meter, reader } = metered({
      reader: deltas,
      views: [{ instrumentName: 'n', aggregationCardinalityLimit: 2 }],
    });
    const counter = meter.createCounter('n');
    counter.add(1, { a: 1 });
    const late = counter.bind({ a: 2 });
    late.add(1);
    expect(overflow(await reader.points('n'))?.value).to.equal(1);
    late.add(1);
    expect((await reader.points('n')).map(({ attributes }) => attributes)).to.deep.equal([{ a: 2 }]);
  });

  it('is said once, with the attribute that exploded and values without secrets', async () => {
    const { meter } = metered();
    const counter = meter.createCounter('said.once');
    for (let i = 0; i < 5_000; i++) {
      counter.add(1, { route: '/a', 'user.token': `secret-${i}`, plain: i % 7 });
    }
    expect(heard.said).to.have.length(1);
    expect(heard.said[0]).to.match(/"said.once" has reached its limit of 2000 series/);
    expect(heard.said[0]).to.match(/"user.token" has 1999 values: "\[REDACTED\]", /);
    expect(heard.said[0]).not.to.contain('secret-');
  });
});
