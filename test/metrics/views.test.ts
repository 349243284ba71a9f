import { createDenyListAttributesProcessor } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { deltas, metered } from '../support/metered.ts';
import { type Ear, ear } from '../support/otlp-items.ts';

const valueIn = (metric: any) => metric.dataPoints[0].value;

describe('views', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  async function names(view: object): Promise<string[]> {
    const { provider, reader } = metered({ views: [{ ...view, aggregation: { type: 1 } }] });
    const shop = provider.getMeter('shop', '1.2.3', { schemaUrl: 'https://example.com' });
    shop.createCounter('http.requests', { unit: '1' }).add(1);
    shop.createHistogram('http.duration', { unit: 's' }).record(1);
    provider.getMeter('other').createCounter('jobs').add(1);
    return (await reader.metrics()).map(({ descriptor }) => descriptor.name);
  }

  it('select by name with wildcards, type, unit and meter', async () => {
    const [requests, duration, jobs] = ['http.requests', 'http.duration', 'jobs'];
    expect(await names({ instrumentName: 'http.*' })).to.deep.equal([jobs]);
    expect(await names({ instrumentName: 'h?tp.*s*' })).to.deep.equal([duration, jobs]);
    expect(await names({ instrumentName: 'HTTP.Requests' })).to.deep.equal([duration, jobs]);
    expect(await names({ instrumentType: 'HISTOGRAM' })).to.deep.equal([requests, jobs]);
    expect(await names({ instrumentUnit: 's' })).to.deep.equal([requests, jobs]);
    expect(await names({ meterName: 'other' })).to.deep.equal([requests, duration]);
    expect(await names({ meterVersion: '1.2.3' })).to.deep.equal([jobs]);
    expect(await names({ meterSchemaUrl: 'https://example.com' })).to.deep.equal([jobs]);
    expect(await names({ instrumentName: '*', meterName: 'nobody' })).to.have.length(3);
  });

  for (const reader of [undefined, deltas]) {
    it(`keep or take off attributes, and add up what is then the same (${reader ? 'delta' : 'cumulative'})`, async () => {
      const views = [
        { instrumentName: 'requests', name: 'allowed', attributeKeys: { included: ['http.*'] } },
        { instrumentName: 'requests', name: 'denied', attributeKeys: { excluded: ['user.id'] } },
        {
          instrumentName: 'requests',
          name: 'processed',
          attributesProcessors: [createDenyListAttributesProcessor(['user.id'])],
        },
      ];
      const metric = metered({ reader, views });
      const counter = metric.meter.createCounter('requests');
      for (let user = 0; user < 50; user++) counter.add(1, { 'http.route': '/a', b: 1, 'user.id': user });
      const found = await metric.reader.metrics();
      const plain = found.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ attributes, value }) => [attributes, value]),
      ]);
      expect(plain).to.deep.equal([
        ['allowed', [[{ 'http.route': '/a' }, 50]]],
        ['denied', [[{ 'http.route': '/a', b: 1 }, 50]]],
        ['processed', [[{ 'http.route': '/a', b: 1 }, 50]]],
      ]);
    });
  }

  it('change buckets, aggregation, description and limit', async () => {
    const { meter, reader } = metered({
      views: [
        { instrumentName: 'a', aggregation: { type: 4, options: { boundaries: [5, 1] } }, description: 'A' },
        { instrumentName: 'b', aggregation: { type: 5, options: { maxSize: 4 } } },
        { instrumentName: 'c', aggregation: { type: 2 } },
        { instrumentName: 'd', aggregationCardinalityLimit: 3 },
      ],
    });
    for (const name of ['a', 'b', 'c']) {
      const histogram = meter.createHistogram(name);
      for (const value of [1, 4, 1000]) histogram.record(value);
    }
    for (let i = 0; i < 9; i++) meter.createCounter('d').add(1, { i });
    const [a, b, c] = await reader.metrics();
    expect(a?.descriptor.description).to.equal('A');
    expect(valueIn(a).buckets).to.deep.equal({ boundaries: [1, 5], counts: [1, 1, 1] });
    expect(valueIn(b).positive.bucketCounts.length).to.be.within(1, 4);
    expect(c?.dataPoints[0]?.value).to.equal(1005);
    expect(await reader.points('d')).to.have.length(3);
  });

  it('that cannot work are said and left out', async () => {
    const views = [
      {},
      { instrumentName: 'a*', name: 'one' },
      { instrumentName: 'a', aggregation: { type: 99 } },
    ];
    const { meter, reader } = metered({ views });
    meter.createCounter('a').add(1);
    expect(await reader.points('a')).to.have.length(1);
    expect(heard.said).to.have.length(3);
    expect(heard.said[0]).to.match(/view is left out: it selects nothing/);
  });
});
