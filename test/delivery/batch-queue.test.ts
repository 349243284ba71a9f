import { expect } from 'chai';
import type { BatchConfig } from '../../src/config/config.ts';
import { activeContext } from '../../src/context/context.ts';
import { isSuppressed } from '../../src/context/suppression.ts';
import { batchQueue } from '../../src/delivery/batch-queue.ts';
import { createLosses } from '../../src/delivery/losses.ts';
import type { Attempt } from '../../src/delivery/retry.ts';
import type { Exporter } from '../../src/exporter.ts';
import { type Ear, ear, eventually } from '../support/otlp-items.ts';

const config: BatchConfig = {
  scheduleDelayMillis: 60_000,
  exportTimeoutMillis: 5000,
  maxQueueSize: 10,
  maxExportBatchSize: 4,
};

/** A destination that keeps what it gets and answers as it is told; `gate` holds every answer back. */
function destination(answer: (batch: readonly number[]) => Attempt = () => ({ outcome: 'ok' })) {
  const batches: number[][] = [];
  const state = {
    gate: undefined as Promise<void> | undefined,
    most: 0,
    now: 0,
    closed: false,
  };
  const exporter: Exporter<number> = {
    name: 'test',
    async export(items) {
      state.most = Math.max(state.most, ++state.now);
      batches.push([...items]);
      await state.gate;
      state.now--;
      return answer(items);
    },
    async forceFlush() {},
    async shutdown() {
      state.closed = true;
    },
  };
  return { exporter, batches, state };
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

describe('the batch queue', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  function queueOf(to: ReturnType<typeof destination>, given: Partial<BatchConfig> = {}) {
    return batchQueue(to.exporter, { ...config, ...given }, { name: 'traces' });
  }

  it('sends a full batch without waiting for the delay, and keeps the rest', async () => {
    const to = destination();
    const queue = queueOf(to);
    for (const n of numbers(6)) queue.add(n);
    expect(to.batches, 'not within the call').to.deep.equal([]);
    await eventually(() => to.batches.length > 0);
    expect(to.batches).to.deep.equal([numbers(4)]);
    await eventually(() => queue.size === 2);
    await queue.shutdown();
  });

  it('sends what there is after the delay', async () => {
    const to = destination();
    const queue = queueOf(to, { scheduleDelayMillis: 5 });
    queue.add(1);
    await eventually(() => to.batches.length === 1);
    queue.add(2);
    await eventually(() => to.batches.length === 2);
    expect(to.batches).to.deep.equal([[1], [2]]);
    await queue.shutdown();
  });

  it('has one export in flight, never two', async () => {
    const to = destination();
    const queue = queueOf(to, { maxQueueSize: 1000 });
    to.state.gate = new Promise((resolve) => setTimeout(resolve, 5));
    for (const n of numbers(100)) queue.add(n);
    await Promise.all([queue.forceFlush(), queue.forceFlush()]);
    expect(to.state.most).to.equal(1);
    expect(to.batches.flat()).to.deep.equal(numbers(100));
    await queue.shutdown();
  });

  it('waits in a flush for what is in flight, and not for what comes after', async () => {
    const to = destination();
    const gate = Promise.withResolvers<void>();
    to.state.gate = gate.promise;
    const queue = queueOf(to);
    for (const n of numbers(4)) queue.add(n);
    await eventually(() => to.batches.length === 1);
    let flushed = false;
    const flush = queue.forceFlush().then(() => {
      flushed = true;
    });
    queue.add(9);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(flushed).to.equal(false);
    gate.resolve();
    await flush;
    expect(queue.size).to.be.at.most(1);
    await queue.shutdown();
  });

  it('refuses the newest when full, and the books balance', async () => {
    const to = destination();
    const queue = queueOf(to);
    for (const n of numbers(25)) queue.add(n);
    await queue.shutdown();
    expect(to.batches.flat()).to.deep.equal(numbers(10));
    expect(heard.counts()).to.include({
      'emitted.traces': 25,
      'delivered.traces': 10,
      'dropped.traces.queue_full': 15,
    });
  });

  it('counts by what became of a batch: refused parts, codes, exporters that reject', async () => {
    const answers: Attempt[] = [
      { outcome: 'ok', rejectedItems: 1 },
      { outcome: 'rejected', code: 400 },
      { outcome: 'failed', code: 'ECONNREFUSED' },
    ];
    const to = destination(() => {
      const answer = answers.shift();
      if (answer === undefined) throw new Error('defect');
      return answer;
    });
    const queue = queueOf(to, { maxQueueSize: 16 });
    for (const n of numbers(16)) queue.add(n);
    await queue.shutdown();
    expect(heard.counts()).to.include({
      'emitted.traces': 16,
      'delivered.traces': 3,
      'dropped.traces.partial': 1,
      'dropped.traces.400': 4,
      'dropped.traces.ECONNREFUSED': 4,
      'dropped.traces.defect': 4,
    });
  });

  it('ends at the deadline, and counts what did not get out', async () => {
    const to = destination();
    to.state.gate = new Promise(() => undefined);
    const queue = queueOf(to);
    for (const n of numbers(9)) queue.add(n);
    await queue.shutdown(30);
    expect(to.state.closed).to.equal(true);
    expect(heard.counted('dropped.traces.shutdown')).to.equal(5);
    queue.add(1);
    expect(heard.counted('dropped.traces.shutdown')).to.equal(6);
  });

  it('tells a loss with its cause', async () => {
    const losses = createLosses({ firstMillis: 1, quietMillis: 60_000 });
    const to = destination();
    const queue = batchQueue(to.exporter, config, { name: 'traces', losses });
    for (const n of numbers(12)) queue.add(n);
    await eventually(() => heard.said.length > 0);
    expect(heard.said[0]).to.include('warn Telemetry was lost: 2 spans (queue full).');
    await queue.shutdown();
  });

  it('exports in a context that nobody observes, whoever filled the queue', async () => {
    let seen: boolean | undefined;
    const to = destination(() => {
      seen = isSuppressed(activeContext());
      return { outcome: 'ok' };
    });
    const queue = queueOf(to);
    queue.add(1);
    await queue.shutdown();
    expect(seen).to.equal(true);
  });
});
