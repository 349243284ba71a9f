import { expect } from 'chai';
import type { Signal } from '../../src/config/config.ts';
import { openBooks } from '../../src/delivery/books.ts';
import { createLosses } from '../../src/delivery/losses.ts';
import { bodyOf, Outbox, type OutboxOptions } from '../../src/delivery/outbox.ts';
import type { Lane, Parcel } from '../../src/delivery/parcel.ts';
import { Spool } from '../../src/delivery/spool.ts';
import { FaultyDisk } from '../support/faulty-disk.ts';
import { type Ear, ear } from '../support/otlp-items.ts';

const many = { items: 512, bytes: 1_000_000 };

function parcel(lane: Lane, size = 10, given: Partial<Parcel> = {}): Parcel {
  return { lane, count: 1, json: false, born: Date.now(), body: Buffer.alloc(size, lane), ...given };
}

describe('the outbox', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  function outboxOf(given: Partial<OutboxOptions> = {}): Outbox {
    const books = openBooks(createLosses());
    return new Outbox({ books, maxBytes: 1000, isUnmanned: () => false, ...given });
  }

  /** Everything that is left, by lane, in the order of going out. */
  function emptied(outbox: Outbox, signals: readonly Signal[] = ['logs', 'metrics', 'traces']): Lane[] {
    return signals.flatMap((signal) => outbox.take(signal, many).map(({ lane }) => lane));
  }

  it('lets errors go before the rest', () => {
    const outbox = outboxOf();
    for (const lane of ['logs', 'errors', 'logs', 'errors'] as const) outbox.put(parcel(lane));
    expect(emptied(outbox, ['logs'])).to.deep.equal(['errors', 'errors', 'logs', 'logs']);
  });

  it('holds no more bytes than it may, all signals together; the oldest of the least urgent gives way', () => {
    const outbox = outboxOf();
    for (const lane of ['errors', 'traces', 'logs', 'metrics', 'traces'] as const)
      outbox.put(parcel(lane, 200));
    outbox.put(parcel('errors', 200));
    outbox.put(parcel('logs', 200));
    outbox.put(parcel('logs', 200));
    expect(outbox.bytes).to.equal(1000);
    expect(heard.counts()).to.include({ 'dropped.traces.queue_full': 2, 'dropped.metrics.queue_full': 1 });
    expect(emptied(outbox)).to.deep.equal(['errors', 'errors', 'logs', 'logs', 'logs']);
  });

  it('calls it no loss where nobody has been there to take it', () => {
    const outbox = outboxOf({ isUnmanned: () => true });
    for (let i = 0; i < 12; i++) outbox.put(parcel('traces', 100));
    expect(heard.counts()).to.deep.equal({ 'standby.forgotten.traces': 2 });
  });

  it('keeps to a number of items where somebody has set one', () => {
    const outbox = outboxOf({ mostItems: { traces: 5 } });
    for (let i = 0; i < 8; i++) outbox.put(parcel('traces'));
    for (let i = 0; i < 8; i++) outbox.put(parcel('logs'));
    expect([outbox.waiting('traces'), outbox.waiting('logs')]).to.deep.equal([5, 8]);
    expect(heard.counts()).to.deep.equal({ 'dropped.traces.queue_full': 3 });
  });

  it('joins what may be one message, up to a limit of items and of bytes', () => {
    const outbox = outboxOf({ maxBytes: 10_000 });
    for (const body of ['a', 'b', 'c']) outbox.put({ ...parcel('logs'), count: 2, body: Buffer.from(body) });
    expect(Buffer.from(bodyOf(outbox.take('logs', { items: 4, bytes: 1000 }))).toString()).to.equal('ab');
    expect(Buffer.from(bodyOf(outbox.take('logs', { items: 4, bytes: 1000 }))).toString()).to.equal('c');
    for (const size of [600, 600]) outbox.put(parcel('logs', size));
    expect(outbox.take('logs', { items: 4, bytes: 1000 })).to.have.length(1);
  });

  it('sends each JSON request by itself', () => {
    const outbox = outboxOf();
    for (const json of [true, true, false]) outbox.put(parcel('logs', 10, { json }));
    expect([1, 2, 3].map(() => outbox.take('logs', many).length)).to.deep.equal([1, 1, 1]);
  });

  it('replaces what waits, but not what is under way or was left by another process', () => {
    const outbox = outboxOf();
    outbox.put(parcel('metrics', 10, { count: 3 }));
    const run = outbox.take('metrics', { items: 1, bytes: 1000 });
    outbox.put(parcel('metrics', 10, { count: 4 }));
    expect(outbox.supersede('metrics')).to.equal(4);
    outbox.putBack(run);
    expect(outbox.waiting('metrics')).to.equal(3);
  });

  function spooled(given: Partial<OutboxOptions> = {}, maxBytes = 100_000) {
    const files = new FaultyDisk();
    const outbox = outboxOf(given);
    outbox.useSpool(new Spool({ folder: '/spool', maxBytes, files }));
    return { files, outbox };
  }

  it('has on disk what memory cannot hold, and brings it back in order', () => {
    const { outbox } = spooled();
    for (let i = 0; i < 50; i++) outbox.put({ ...parcel('traces'), body: Buffer.alloc(100, `${i}`) });
    expect(outbox.bytes).to.be.at.most(125);
    const run = outbox.take('traces', many);
    expect(run).to.have.length(50);
    run.forEach((entry, i) => {
      expect(Buffer.from(entry.body!).equals(Buffer.alloc(100, `${i}`)), `parcel ${i}`).to.equal(true);
    });
    outbox.settle(run);
    expect([outbox.bytes, outbox.waiting('traces')]).to.deep.equal([0, 0]);
    expect(heard.counts()).to.deep.equal({});
  });

  it('gives up the oldest traces where the disk is full, then logs, and errors last', () => {
    const { outbox } = spooled({}, 65_536);
    for (let i = 0; i < 40; i++) {
      for (const lane of ['errors', 'logs', 'traces'] as const) outbox.put(parcel(lane, 1000));
    }
    const { logs = 0, traces = 0 } = {
      logs: heard.counted('dropped.logs.spool_full'),
      traces: heard.counted('dropped.traces.spool_full'),
    };
    expect(traces).to.be.above(logs).and.above(30);
    expect(outbox.take('logs', many).filter(({ lane }) => lane === 'errors')).to.have.length(40);
    expect(120).to.equal(
      logs + traces + 40 + (40 - logs) + outbox.waiting('traces'),
      'every parcel has one fate',
    );
  });

  it('costs one unreadable parcel that one', () => {
    const { files, outbox } = spooled();
    for (let i = 0; i < 30; i++) outbox.put({ ...parcel('logs', 100), count: 2 });
    const { bytes } = files.only();
    bytes[bytes.length - 5]! ^= 1;
    expect(outbox.take('logs', many)).to.have.length(29);
    expect(heard.counts()).to.deep.equal({ 'dropped.logs.corrupt': 2 });
  });

  it('goes on in memory when the disk is gone, and counts what was there alone', () => {
    const { outbox } = spooled();
    for (let i = 0; i < 30; i++) outbox.put(parcel('logs', 100));
    outbox.useSpool(undefined);
    const inMemory = outbox.waiting('logs');
    expect(inMemory).to.be.above(0);
    expect(heard.counts()).to.deep.equal({ 'dropped.logs.spool_gone': 30 - inMemory });
    expect(outbox.take('logs', many)).to.have.length(inMemory);
  });

  it('spills what is in memory alone when the process ends', () => {
    const files = new FaultyDisk();
    const outbox = outboxOf();
    for (let i = 0; i < 5; i++) outbox.put(parcel('logs', 100));
    outbox.take('logs', { items: 2, bytes: 1000 });
    outbox.useSpool(new Spool({ folder: '/spool', maxBytes: 100_000, files }));
    expect([...outbox.spill()]).to.deep.equal([['logs', 5]]);
    expect(outbox.waiting('logs')).to.equal(0);
  });
});
