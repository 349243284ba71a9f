import { constants } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Lane, lanes, type Parcel } from '../../src/delivery/parcel.ts';
import type { Left, Place } from '../../src/delivery/segment.ts';
import { Spool } from '../../src/delivery/spool.ts';
import { FaultyDisk } from '../support/faulty-disk.ts';

const folder = '/spool';

type Task =
  | { do: 'append'; lane: Lane; size: number; through: boolean }
  | { do: 'settle' | 'shorten'; most: number }
  | { do: 'sync' }
  | { do: 'space'; bytes: number };

function parcelOf(text: string, lane: Lane = 'logs', count = 1): Parcel {
  return { lane, count, json: false, born: 1_700_000_000_000, body: Buffer.from(text) };
}

function spoolOn(files: FaultyDisk, given: Partial<ConstructorParameters<typeof Spool>[0]> = {}): Spool {
  return new Spool({ folder, maxBytes: 1_000_000, files, ...given });
}

/** What the next process finds. */
function successor(files: FaultyDisk) {
  const spool = spoolOn(files, { folder: '/next' });
  const found = [...files.files.keys()].sort().map((path) => spool.adopt(path));
  const left = found.flatMap((one) => one.left);
  return {
    spool,
    left,
    broken: found.flatMap((one) => one.broken),
    texts: left.map(({ place }) => Buffer.from(spool.read(place)!).toString()),
  };
}

describe('the spool', () => {
  it('gives back what it was given, with its label, to the process itself and to the next one', () => {
    const files = new FaultyDisk();
    const spool = spoolOn(files);
    const given: Parcel = { lane: 'traces', count: 7, json: true, born: 123.5, body: Buffer.from('{}') };
    expect(Buffer.from(spool.read(spool.append(given)!)!).toString()).to.equal('{}');
    spool.close();
    const { left, texts } = successor(files);
    expect(left[0]).to.include({ lane: 'traces', count: 7, json: true, born: 123.5, length: 2 });
    expect(texts).to.deep.equal(['{}']);
  });

  it('leaves no file where everything was settled, and no descriptor open', () => {
    const files = new FaultyDisk();
    const spool = spoolOn(files);
    for (const lane of lanes) spool.settle([spool.append(parcelOf('x', lane))!]);
    expect(spool.close()).to.equal(false);
    expect([files.files.size, files.descriptors]).to.deep.equal([0, 0]);
  });

  it('tells the next process how far it had come', () => {
    const files = new FaultyDisk();
    const spool = spoolOn(files);
    const places = ['a', 'b', 'c'].map((text) => spool.append(parcelOf(text))!);
    spool.settle(places.slice(0, 2));
    expect(successor(files).texts).to.deep.equal(['c']);
  });

  it('has its own limit, and makes room by what is settled', () => {
    const spool = spoolOn(new FaultyDisk(), { maxBytes: 20_000 });
    const body = 'x'.repeat(1000);
    const places: Place[] = [];
    while (spool.hasRoomFor(1000)) places.push(spool.append(parcelOf(body))!);
    expect(spool.bytes).to.be.within(18_000, 20_000);
    spool.settle(places.slice(0, 8));
    expect(spool.hasRoomFor(1000)).to.equal(true);
  });

  it('takes nothing while the disk is full, tells it, and goes on in the same file when there is room', async () => {
    const files = new FaultyDisk();
    const troubles: unknown[] = [];
    let reliefs = 0;
    const spool = spoolOn(files, {
      onTrouble: (error) => troubles.push((error as NodeJS.ErrnoException).code),
      onRelief: () => void reliefs++,
    });
    spool.append(parcelOf('before'));
    files.capacity = files.used + 40;
    expect(spool.append(parcelOf('does not fit'))).to.equal(undefined);
    files.capacity = 10_000;
    expect(spool.append(parcelOf('too soon')), 'not tried for a second').to.equal(undefined);
    await new Promise((resolve) => setTimeout(resolve, 1010));
    expect(spool.append(parcelOf('after'))).not.to.equal(undefined);
    expect([troubles, reliefs]).to.deep.equal([['ENOSPC'], 1]);
    spool.close();
    expect(successor(files).texts).to.deep.equal(['before', 'after']);
  });

  it('survives a read-only disk', () => {
    const files = new FaultyDisk();
    files.readOnly = true;
    expect(spoolOn(files).append(parcelOf('x'))).to.equal(undefined);
  });

  it('opens files for itself alone, and never through a link', () => {
    const modes: (number | undefined)[] = [];
    const flags: number[] = [];
    class Watched extends FaultyDisk {
      override openSync(path: string, flag: number, mode?: number): number {
        flags.push(flag);
        modes.push(mode);
        return super.openSync(path, flag);
      }
    }
    const spool = spoolOn(new Watched());
    spool.append(parcelOf('x'));
    expect(modes).to.deep.equal([0o600]);
    for (const flag of [constants.O_EXCL, constants.O_NOFOLLOW]) expect(flags[0]! & flag).to.equal(flag);
  });

  it('keeps few descriptors open, however long the backlog is', async () => {
    const files = new FaultyDisk();
    const spool = spoolOn(files);
    for (let i = 0; i < 200; i++) spool.append(parcelOf('x'.repeat(2000)));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(files.files.size).to.be.above(5);
    expect(files.descriptors).to.be.at.most(lanes.length);
    spool.close();
  });

  it('costs one broken body its own items, and knows how many', () => {
    const files = new FaultyDisk();
    const spool = spoolOn(files);
    for (const text of ['first', 'second', 'third']) spool.append(parcelOf(text, 'logs', 5));
    spool.close();
    const { bytes } = files.only();
    bytes[bytes.indexOf('second') + 2]! ^= 1;
    const { texts, broken } = successor(files);
    expect(texts).to.deep.equal(['first', 'third']);
    expect(broken.map(({ count }) => count)).to.deep.equal([5]);
  });

  it('is not led astray by a body that looks like a file of the spool', () => {
    const files = new FaultyDisk();
    const other = new FaultyDisk();
    spoolOn(other).append(parcelOf('forged'));
    const { bytes: forged } = other.only();
    const spool = spoolOn(files);
    const before = files.used;
    spool.append({ ...parcelOf(''), body: forged });
    spool.append(parcelOf('true'));
    const inode = files.only();
    inode.bytes[before + 32 + 10]! ^= 1;
    spool.close();
    expect(successor(files).texts).to.deep.equal(['true']);
  });

  const aTask: fc.Arbitrary<Task> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        lane: fc.constantFrom(...lanes),
        size: fc.nat(3000),
        through: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('settle' as const), most: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('sync' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('space' as const), bytes: fc.nat(20_000) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('shorten' as const), most: fc.integer({ min: 1, max: 64 }) }),
    },
  );

  /** Runs the tasks against the spool and against plain lists; both then meet the same end. */
  function play(tasks: readonly Task[], files: FaultyDisk) {
    const spool = spoolOn(files, { maxBytes: 60_000 });
    const waiting: { text: string; place: Place; safe: boolean }[] = [];
    let number = 0;
    for (const task of tasks) {
      if (task.do === 'append') {
        const text = `${++number}:${'x'.repeat(task.size)}`;
        const place = spool.append(parcelOf(text, task.lane), task.through);
        if (place) waiting.push({ text, place, safe: task.through });
      } else if (task.do === 'settle') spool.settle(waiting.splice(0, task.most).map(({ place }) => place));
      else if (task.do === 'sync') {
        spool.syncNow();
        for (const one of waiting) one.safe = true;
      } else if (task.do === 'space') files.capacity = files.used + task.bytes;
      else files.mostAtOnce = task.most;
    }
    return { spool, waiting };
  }

  it('has after kill -9 exactly what was written and not settled, whatever the disk did before', () => {
    fc.assert(
      fc.property(fc.array(aTask, { maxLength: 40 }), (tasks) => {
        const files = new FaultyDisk();
        const { waiting } = play(tasks, files);
        const { texts, broken } = successor(files);
        expect(texts.sort()).to.deep.equal(waiting.map(({ text }) => text).sort());
        expect(broken).to.deep.equal([]);
      }),
      { numRuns: 300 },
    );
  });

  it('has after a power cut at least what was synced, and nothing that was never written', () => {
    fc.assert(
      fc.property(
        fc.array(aTask, { maxLength: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        (tasks, kept, zeros) => {
          const files = new FaultyDisk();
          const { waiting } = play(tasks, files);
          files.cutPower(kept, zeros);
          files.capacity = Number.POSITIVE_INFINITY;
          const { texts } = successor(files);
          for (const { text, safe } of waiting) if (safe) expect(texts).to.include(text);
          for (const text of texts) expect(text).to.match(/^\d+:x*$/);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reads 1,000 mutations of its files without a crash, and gives back nothing but what was written', () => {
    const aMutation = fc.oneof(
      fc.record({ do: fc.constant('flip' as const), at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) }),
      fc.record({ do: fc.constant('cut' as const), at: fc.nat() }),
      fc.record({
        do: fc.constant('insert' as const),
        at: fc.nat(),
        bytes: fc.uint8Array({ maxLength: 64 }),
      }),
      fc.record({ do: fc.constant('zero' as const), at: fc.nat(), length: fc.nat(200) }),
    );
    const texts = Array.from({ length: 12 }, (_, i) => `${i}:${'y'.repeat(i * 17)}`);
    let whole = 0;
    fc.assert(
      fc.property(fc.array(aMutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        const files = new FaultyDisk();
        const spool = spoolOn(files);
        const places = texts.map((text) => spool.append(parcelOf(text))!);
        spool.settle(places.slice(0, 2));
        spool.close();
        const inode = files.only();
        for (const mutation of mutations) inode.bytes = mutated(inode.bytes, mutation);
        const found = successor(files);
        whole += found.texts.length;
        for (const text of found.texts) expect(texts).to.include(text);
        expect(new Set(found.texts).size).to.equal(found.texts.length);
      }),
      { numRuns: 1000 },
    );
    expect(whole / 1000, 'parcels saved of ten').to.be.above(5);
  });

  it('can be written and settled by the next process while it holds its own', () => {
    const files = new FaultyDisk();
    const first = spoolOn(files);
    for (const text of ['a', 'b']) first.append(parcelOf(text));
    const { spool, left } = successor(files);
    const own = spool.append(parcelOf('c'))!;
    spool.settle([...left.map(({ place }: Left) => place), own]);
    expect(spool.close()).to.equal(false);
    expect(files.files.size).to.equal(0);
  });
});

function mutated(bytes: Buffer, mutation: { do: string; at: number } & Record<string, any>): Buffer {
  const at = bytes.length === 0 ? 0 : mutation.at % bytes.length;
  const copy = Buffer.from(bytes);
  if (mutation.do === 'cut') return copy.subarray(0, at);
  if (mutation.do === 'insert')
    return Buffer.concat([copy.subarray(0, at), mutation.bytes, copy.subarray(at)]);
  if (mutation.do === 'zero') return copy.fill(0, at, Math.min(at + mutation.length, copy.length));
  if (copy.length > 0) copy[at]! ^= 1 << mutation.bit;
  return copy;
}
