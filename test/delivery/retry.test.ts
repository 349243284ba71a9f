import { expect } from 'chai';
import {
  type Attempt,
  nextDelay,
  type RetryPolicy,
  retryDefaults,
  retrying,
} from '../../src/delivery/retry.ts';
import { createStandby } from '../../src/delivery/standby.ts';
import type { Exporter } from '../../src/exporter.ts';
import { type Ear, ear, eventually } from '../support/otlp-items.ts';

const policy: RetryPolicy = { ...retryDefaults, initialMillis: 2, maxMillis: 10 };
const failed: Attempt = { outcome: 'failed', code: 503 };
const unmanned: Attempt = { outcome: 'failed', code: 'ECONNREFUSED', unnamed: true };

/** Answers in turn, the last one forever; keeps when it was asked. */
function answering(...answers: Attempt[]) {
  const times: number[] = [];
  const exporter: Exporter<number> = {
    name: 'test',
    async export() {
      times.push(performance.now());
      return (answers.length > 1 ? answers.shift() : answers[0]) as Attempt;
    },
    async forceFlush() {},
    async shutdown() {},
  };
  return { exporter, times, answers };
}

describe('retrying', () => {
  it('tries again until it is accepted', async () => {
    const { exporter, times } = answering(failed, failed, failed, { outcome: 'ok' });
    expect(await retrying(exporter, policy).export([1])).to.include({ outcome: 'ok' });
    expect(times).to.have.length(4);
  });

  it('does not try again what was rejected', async () => {
    const { exporter, times } = answering({ outcome: 'rejected', code: 400 });
    expect(await retrying(exporter, policy).export([1])).to.include({ outcome: 'rejected', code: 400 });
    expect(times).to.have.length(1);
  });

  it('waits as long as the destination asks, and no more than 10 % longer', async () => {
    const { exporter, times } = answering({ ...failed, retryAfterMillis: 300 }, { outcome: 'ok' });
    await retrying(exporter, policy).export([1]);
    expect(times[1]! - times[0]!).to.be.at.least(299);
    // How late a timer is says more about the machine than about the wait.
    for (let i = 0; i < 1000; i++) expect(nextDelay(300, 1000)).to.be.within(300, 330);
  });

  it('waits longer each time, up to a limit, and never twice the same', async () => {
    const { exporter, times } = answering(...Array.from({ length: 7 }, () => failed), { outcome: 'ok' });
    await retrying(exporter, { ...policy, initialMillis: 20, factor: 2, maxMillis: 80 }).export([1]);
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits[0]).to.be.within(9, 40);
    expect(waits.at(-1)).to.be.within(39, 110);
    expect(new Set(waits.map((wait) => wait.toFixed(3))).size).to.be.above(1);
  });

  it('gives up after its time and says what the last attempt met', async () => {
    const { exporter, times } = answering(failed);
    const result = await retrying(exporter, { ...policy, giveUpMillis: 50 }).export([1]);
    expect(result).to.include({ outcome: 'failed', code: 503 });
    expect(times.length).to.be.above(3);
  });

  it('treats an exporter that rejects like one that failed', async () => {
    const exporter = { ...answering(failed).exporter, export: () => Promise.reject(new Error('no')) };
    const result = await retrying(exporter, { ...policy, giveUpMillis: 5 }).export([1]);
    expect(result).to.include({ outcome: 'failed', code: 'defect' });
  });

  it('makes the waiting attempt now when nudged, and goes on afterwards', async () => {
    const { exporter, times } = answering(failed, failed, { outcome: 'ok' });
    const outer = retrying(exporter, { ...policy, initialMillis: 60_000, maxMillis: 60_000 });
    const done = outer.export([1]);
    for (const count of [1, 2]) {
      await eventually(() => times.length === count);
      await new Promise((resolve) => setTimeout(resolve, 5));
      outer.nudge();
    }
    expect(await done).to.include({ outcome: 'ok' });
  });

  it('keeps to the pause that the destination asked for, however it is nudged', async () => {
    const { exporter, times } = answering({ ...failed, retryAfterMillis: 200 }, { outcome: 'ok' });
    const outer = retrying(exporter, policy);
    const done = outer.export([1]);
    await eventually(() => times.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    outer.nudge();
    await done;
    expect(times[1]! - times[0]!).to.be.above(199);
  });

  it('makes one last attempt when hurried, and one for each later batch', async () => {
    const { exporter, times } = answering(failed);
    const outer = retrying(exporter, { ...policy, initialMillis: 60_000 });
    const done = outer.export([1]);
    await eventually(() => times.length === 1);
    outer.hurry();
    expect(await done).to.include({ outcome: 'failed' });
    expect(times).to.have.length(2);
    await outer.export([2]);
    expect(times).to.have.length(3);
  });

  it('has the pace of the specification by default', () => {
    expect(retryDefaults).to.deep.equal({
      initialMillis: 1000,
      factor: 1.5,
      maxMillis: 30_000,
      giveUpMillis: 300_000,
    });
  });
});

describe('standing by', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  it('waits for somebody to listen at a place that nobody named, beyond the time to give up', async () => {
    const { exporter, times } = answering(unmanned, unmanned, unmanned, { outcome: 'ok' });
    const standby = createStandby('http://localhost:4318', { firstMillis: 20, maxMillis: 40 });
    const outer = retrying(exporter, { ...policy, giveUpMillis: 1, standby });
    const done = outer.export([1]);
    await eventually(() => outer.standingBy);
    expect(await done).to.include({ outcome: 'ok' });
    expect(outer.standingBy).to.equal(false);
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits[0]).to.be.above(15);
    expect(waits[1]).to.be.above(35);
  });

  it('says it once, with the ways out', async () => {
    const standby = createStandby('http://localhost:4318', { firstMillis: 5, maxMillis: 5 });
    const outer = retrying(answering(unmanned, unmanned, { outcome: 'ok' }).exporter, { ...policy, standby });
    await outer.export([1]);
    const lines = heard.said.filter((line) => line.includes('stands by'));
    expect(lines.length).to.be.at.most(1);
    for (const line of lines) {
      expect(line).to.match(
        /^info OTLP stands by: nobody listens at http:\/\/localhost:4318, the default address\./,
      );
      expect(line).to.include('OTEL_EXPORTER_OTLP_ENDPOINT').and.include('SONDE_OTLP=off');
    }
  });

  it('releases every signal when one of them finds somebody', async () => {
    const standby = createStandby('http://localhost:4318', { firstMillis: 30, maxMillis: 60_000 });
    const first = retrying(answering(unmanned, { outcome: 'ok' }).exporter, { ...policy, standby });
    const late = answering(unmanned, unmanned, { outcome: 'ok' });
    const second = retrying(late.exporter, { ...policy, standby });
    const results = await Promise.all([first.export([1]), second.export([1])]);
    expect(results.map((result) => result.outcome)).to.deep.equal(['ok', 'ok']);
  });

  it('is not for a named place, nor for other troubles', async () => {
    const standby = createStandby('http://localhost:4318', { firstMillis: 60_000, maxMillis: 60_000 });
    for (const attempt of [
      { ...unmanned, unnamed: false },
      { ...unmanned, code: 'ENOTFOUND' },
    ]) {
      const outer = retrying(answering(attempt).exporter, { ...policy, giveUpMillis: 5, standby });
      expect(await outer.export([1])).to.include({ outcome: 'failed' });
      expect(standby.active).to.equal(false);
    }
  });

  it('ends with one last look when hurried, and what it held is forgotten, not lost', async () => {
    const { exporter, times } = answering(unmanned);
    const standby = createStandby('http://localhost:4318', { firstMillis: 60_000, maxMillis: 60_000 });
    const outer = retrying(exporter, { ...policy, standby });
    const done = outer.export([1]);
    await eventually(() => outer.standingBy);
    outer.hurry();
    expect(await done).to.include({ outcome: 'failed', forgotten: true });
    expect(times).to.have.length(2);
  });
});

describe('several batches at once', () => {
  /** Answers when told to; keeps what is under way. */
  function held() {
    const underWay: { readonly item: number; answer(attempt: Attempt): void }[] = [];
    const exporter: Exporter<number> = {
      name: 'test',
      export([item]) {
        const { promise, resolve } = Promise.withResolvers<Attempt>();
        const entry = {
          item: item as number,
          answer(attempt: Attempt) {
            underWay.splice(underWay.indexOf(entry), 1);
            resolve(attempt);
          },
        };
        underWay.push(entry);
        return promise;
      },
      async forceFlush() {},
      async shutdown() {},
    };
    const items = () => underWay.map(({ item }) => item);
    return { exporter, underWay, items };
  }

  it('are under way one by one until the window is widened, and never more than the policy says', async () => {
    const { exporter, items } = held();
    const outer = retrying(exporter, { ...policy, mostAtOnce: 3 });
    for (let item = 1; item <= 5; item++) void outer.export([item]);
    await eventually(() => items().length === 1);
    for (let i = 0; i < 9; i++) outer.window.widen();
    expect(outer.window.size).to.equal(3);
  });

  it('wait for the one that tries again, and it waits until nobody else is out', async () => {
    const { exporter, underWay, items } = held();
    const outer = retrying(exporter, { ...policy, initialMillis: 1, maxMillis: 1, mostAtOnce: 3 });
    for (let i = 0; i < 2; i++) outer.window.widen();
    const all = [1, 2, 3, 4].map((item) => outer.export([item]));
    await eventually(() => items().length === 3);
    underWay[1]?.answer(failed);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(items(), 'neither the failed one nor a fresh one').to.deep.equal([1, 3]);
    expect(outer.window.size).to.equal(1);
    outer.window.widen();
    expect(outer.window.size, 'not while somebody tries again').to.equal(1);
    underWay[0]?.answer({ outcome: 'ok' });
    underWay[0]?.answer(failed);
    for (const next of [2, 3, 4]) {
      await eventually(() => items().length === 1);
      expect(items(), 'what failed goes first').to.deep.equal([next]);
      underWay[0]?.answer({ outcome: 'ok' });
    }
    for (const { outcome } of await Promise.all(all)) expect(outcome).to.equal('ok');
  });

  it('are hurried and nudged all the same', async () => {
    const { exporter, underWay, items } = held();
    const outer = retrying(exporter, { ...policy, initialMillis: 60_000, maxMillis: 60_000, mostAtOnce: 2 });
    outer.window.widen();
    const all = [1, 2].map((item) => outer.export([item]));
    await eventually(() => items().length === 2);
    for (const { answer } of [...underWay]) answer(failed);
    await new Promise((resolve) => setTimeout(resolve, 5));
    outer.nudge();
    await eventually(() => items().length === 1);
    underWay[0]?.answer(failed);
    outer.hurry();
    for (let i = 0; i < 2; i++) {
      await eventually(() => items().length === 1);
      underWay[0]?.answer({ ...failed, code: 504 });
    }
    for (const result of await Promise.all(all)) expect(result.code).to.equal(504);
  });
});
