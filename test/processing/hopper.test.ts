import { expect } from 'chai';
import type { BatchConfig } from '../../src/config/config.ts';
import { activeContext } from '../../src/context/context.ts';
import { isSuppressed } from '../../src/context/suppression.ts';
import { Hopper } from '../../src/processing/hopper.ts';
import { type Ear, ear, eventually } from '../support/otlp-items.ts';

const config: BatchConfig = {
  scheduleDelayMillis: 60_000,
  exportTimeoutMillis: 5000,
  maxQueueSize: 12,
  maxExportBatchSize: 4,
};

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('the hopper', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  function hopperOf(given: Partial<BatchConfig> = {}) {
    const packed: number[][] = [];
    const seen: boolean[] = [];
    let refused = 0;
    const hopper = new Hopper<number>({
      signal: 'traces',
      batch: { ...config, ...given },
      pack(items) {
        packed.push([...items]);
        seen.push(isSuppressed(activeContext()));
      },
      refuse: (count) => {
        refused += count;
      },
    });
    return { hopper, packed, seen, refused: () => refused };
  }

  it('packs a full batch soon, but not within the call, and keeps the rest for company', async () => {
    const { hopper, packed, seen } = hopperOf();
    for (const n of numbers(6)) hopper.add(n);
    expect(packed).to.deep.equal([]);
    await eventually(() => packed.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([packed, hopper.size]).to.deep.equal([[[0, 1, 2, 3]], 2]);
    expect(seen.every((isUnobserved) => isUnobserved)).to.equal(true);
  });

  it('packs one batch in a turn of the event loop, however many wait', async () => {
    let turn = 0;
    const turns: number[] = [];
    const count = () => {
      turn++;
      if (turns.length < 3) setImmediate(count);
    };
    const hopper = new Hopper<number>({
      signal: 'traces',
      batch: { ...config, scheduleDelayMillis: 1 },
      pack: ({ length }) => {
        expect(length).to.be.at.most(4);
        turns.push(turn);
      },
      refuse: () => undefined,
    });
    for (const n of numbers(11)) hopper.add(n);
    setImmediate(count);
    await eventually(() => turns.length === 3);
    expect(new Set(turns).size).to.equal(3);
  });

  it('packs large items by their bytes, 256 kB in a turn, whatever the size of a batch', async () => {
    const packed: number[][] = [];
    const hopper = new Hopper<number>({
      signal: 'traces',
      batch: { ...config, maxQueueSize: 2048, maxExportBatchSize: 512 },
      weightOf: (bytes) => bytes,
      pack: (items) => void packed.push([...items]),
      refuse: () => undefined,
    });
    const kilobytes = [100, 100, 100, 300, 20, 20, 200].map((each) => each * 1024);
    for (const bytes of kilobytes) hopper.add(bytes);
    expect(packed).to.deep.equal([]);
    await eventually(() => packed.flat().length === 4);
    hopper.pack();
    expect(packed.map((slice) => slice.map((bytes) => bytes / 1024))).to.deep.equal([
      [100, 100],
      [100],
      [300],
      [20, 20, 200],
    ]);
  });

  it('keeps no more than 4 MB of a burst within one turn', () => {
    const packed: number[] = [];
    const hopper = new Hopper<number>({
      signal: 'traces',
      batch: { ...config, maxQueueSize: 2048, maxExportBatchSize: 512 },
      weightOf: () => 65_536,
      pack: ({ length }) => void packed.push(length),
      refuse: () => undefined,
    });
    for (const n of numbers(1000)) {
      hopper.add(n);
      expect(hopper.size).to.be.below(64);
    }
    expect(Math.max(...packed)).to.equal(4);
  });

  it('packs an urgent item by itself, at once, and leaves the others where they are', () => {
    const { hopper, packed, refused } = hopperOf();
    hopper.add(1);
    hopper.addUrgent(2);
    expect([packed, hopper.size]).to.deep.equal([[[2]], 1]);
    hopper.close();
    hopper.addUrgent(3);
    expect([packed, refused()]).to.deep.equal([[[2], [1]], 1]);
    expect(heard.counted('emitted.traces')).to.equal(3);
  });

  it('packs what there is after the delay', async () => {
    const { hopper, packed } = hopperOf({ scheduleDelayMillis: 5 });
    hopper.add(1);
    await eventually(() => packed.length === 1);
    hopper.add(2);
    await eventually(() => packed.length === 2);
    expect(packed).to.deep.equal([[1], [2]]);
  });

  it('loses nothing of a burst within one turn: it packs in its midst', () => {
    const { hopper, packed } = hopperOf();
    for (const n of numbers(1000)) hopper.add(n);
    expect(hopper.size).to.be.below(12);
    hopper.pack();
    expect(packed.flat()).to.deep.equal(numbers(1000));
    expect(Math.max(...packed.map(({ length }) => length))).to.equal(4);
    expect(heard.counts()).to.deep.equal({ 'emitted.traces': 1000 });
  });

  it('takes nothing after its end, and counts that', () => {
    const { hopper, packed, refused } = hopperOf();
    hopper.add(1);
    hopper.close();
    hopper.add(2);
    expect([packed, refused()]).to.deep.equal([[[1]], 1]);
    expect(heard.counts()).to.deep.equal({ 'emitted.traces': 2 });
  });
});
