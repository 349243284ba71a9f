import { setTimeout as rest } from 'node:timers/promises';
import { expect } from 'chai';
import { runtime } from '../../instrumentation/runtime.ts';
import { ManualReader, metered } from '../support/metered.ts';

describe('the metrics of the process', function () {
  this.timeout(20_000);

  it('tell two readers that ask at once the same', async () => {
    const { meter, reader, provider } = metered();
    const other = new ManualReader();
    provider.addReader(other as never);
    const watching = runtime();
    watching.enable?.({ meter } as never);
    await rest(100);
    const names = [
      'nodejs.eventloop.delay.max',
      'nodejs.eventloop.delay.p99',
      'nodejs.eventloop.utilization',
    ];
    const values = async (of: ManualReader) => {
      const metrics = await of.metrics();
      return names.map((name) => {
        const found = metrics.find(({ descriptor }) => descriptor.name === name);
        return found?.dataPoints[0]?.value;
      });
    };
    let first = await values(reader);
    // A window without a sample says nothing: the next one is a second later.
    while (first.includes(undefined)) {
      await rest(1_050);
      first = await values(reader);
    }
    expect(await values(other)).to.deep.equal(first);
    for (const value of first) expect(value).to.be.a('number').above(0);
    watching.disable();
  });
});
