import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import fc from 'fast-check';
import { indexOf } from '../../src/metrics/exponential.ts';
import { ManualReader, metered } from '../support/metered.ts';

const views = [{ instrumentName: 'h', aggregation: { type: 5 as number, options: { maxSize: 20 } } }];
const total = (buckets: { bucketCounts: number[] }) => buckets.bucketCounts.reduce((a, b) => a + b, 0);

describe('an exponential histogram', () => {
  const value = fc.double({ min: 0, max: 1e300, noNaN: true });

  it('has the buckets of the official one, or finer ones', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 40 }), async (values) => {
        const own = metered({ views });
        const reader = new ManualReader();
        const official = new MeterProvider({ readers: [reader], views: views as never }).getMeter('x');
        for (const meter of [own.meter, official]) {
          const histogram = meter.createHistogram('h');
          for (const each of values) histogram.record(each);
        }
        const [mine, theirs] = await Promise.all([own.reader.points('h'), reader.points('h')]);
        const { positive, zeroCount, scale, ...rest } = mine[0]!.value;
        const {
          positive: theirPositive,
          zeroCount: _zero,
          scale: theirScale,
          ...theirRest
        } = theirs[0]!.value;
        expect(rest).to.deep.equal(theirRest);
        expect(scale).to.be.at.least(theirScale);
        expect(zeroCount).to.equal(values.filter((each) => each === 0).length);
        expect(total(positive)).to.equal(total(theirPositive));
        expect(positive.bucketCounts.length).to.be.at.most(20);
        const steps = scale - theirScale;
        expect(positive.offset >> steps).to.equal(theirPositive.offset);
      }),
      { numRuns: 200 },
    );
  });

  it('puts each value above the lower bound of its bucket and not above the upper', () => {
    for (const scale of [-10, -1, 0, 1, 3, 10]) {
      const base = 2 ** (2 ** -scale);
      for (const sample of [1, 2, 4, 0.5, 1.0000001, 3.7, 1e-300, 5e-324, 1.7e308, 1024, 1025]) {
        const index = indexOf(sample, scale);
        if (sample < 2 ** -1022) continue;
        const log = Math.log2(sample) / Math.log2(base);
        expect(log, `${sample} at ${scale}`).to.be.within(index - 1e-6, index + 1 + 1e-6);
      }
    }
    expect([1, 2, 4].map((power) => indexOf(power, 0))).to.deep.equal([-1, 0, 1]);
  });
});
