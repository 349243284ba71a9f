import { expect } from 'chai';
import { openBooks } from '../../src/delivery/books.ts';
import { Courier } from '../../src/delivery/courier.ts';
import { createLosses } from '../../src/delivery/losses.ts';
import { type Entry, Outbox } from '../../src/delivery/outbox.ts';
import { retrying } from '../../src/delivery/retry.ts';

describe('the courier', function () {
  this.timeout(20_000);

  it('brings what is put in at the moment when it has found nothing to bring', async () => {
    const books = openBooks(createLosses());
    const outbox = new Outbox({ books, maxBytes: 1_000_000, isUnmanned: () => false });
    const brought: number[] = [];
    const exporter = retrying<Entry>({
      name: 'test',
      async export(items) {
        brought.push(items.length);
        return { outcome: 'ok' };
      },
      async forceFlush() {},
      async shutdown() {},
    });
    const courier = new Courier({
      signal: 'logs',
      outbox,
      exporter,
      books,
      mostItems: 10,
      isHopeless: () => false,
    });
    courier.wake();
    outbox.put({ lane: 'logs', count: 1, json: true, born: Date.now(), body: Buffer.from('{}') }, false);
    await courier.flush(10_000);
    expect(brought).to.deep.equal([1]);
  });
});
