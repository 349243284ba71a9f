/**
 * The books balance under every fault: emitted = delivered + counted drops, to the unit, and what the receiver has is
 * what is called delivered. Real sockets, real files; the long forms are in `bench/outage.ts`.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Delivery, startDelivery } from '../../exporters/otlp/delivery.ts';
import * as encodingPart from '../../exporters/otlp/encoding.ts';
import * as grpcPart from '../../exporters/otlp/grpc.ts';
import * as lastPost from '../../exporters/otlp/last-post.ts';
import * as otlpPart from '../../exporters/otlp/otlp.ts';
import { type Config, defaults, type OtlpProtocol } from '../../src/config/config.ts';
import * as spoolPart from '../../src/delivery/keeper.ts';
import { type Ear, ear, eventually, finishedSpans, logRecord, target } from '../support/otlp-items.ts';
import { encode } from '../support/otlp-schema.ts';
import { type Fault, type OtlpSink, startSink } from '../support/otlp-sink.ts';

interface Row {
  readonly fault: string;
  /** What the next requests meet. */
  readonly next?: readonly Fault[];
  /** What every request of the first half meets. */
  readonly always?: Fault;
  readonly protocol?: OtlpProtocol;
  /** Spans and records each, 300 by default. */
  readonly count?: number;
  /** Whether the loss is the receiver's will: refused, and not to be tried again. */
  readonly refused?: true;
  readonly timeoutMillis?: number;
  /** Where it goes instead of the receiver's address. */
  readonly to?: string;
}

const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault);

const rows: readonly Row[] = [
  { fault: 'none' },
  { fault: '503 three times', next: times(3, { status: 503 }) },
  { fault: '429 with Retry-After', next: times(2, { status: 429, headers: { 'retry-after': '1' } }) },
  { fault: '502 and 504', next: [{ status: 502 }, { status: 504 }] },
  { fault: 'UNAVAILABLE twice (gRPC)', next: times(2, { grpcCode: 14 }), protocol: 'grpc' },
  {
    fault: 'DEADLINE_EXCEEDED and ABORTED (gRPC)',
    next: [{ grpcCode: 4 }, { grpcCode: 10 }],
    protocol: 'grpc',
  },
  { fault: 'resets', next: times(4, { connection: 'reset' }) },
  { fault: 'resets (gRPC)', next: times(4, { connection: 'reset' }), protocol: 'grpc' },
  { fault: 'a hanging receiver', next: times(2, { connection: 'hang' }), timeoutMillis: 150 },
  { fault: 'slow answers', next: times(4, { delayMillis: 200 }) },
  {
    fault: 'answers that are no OTLP',
    next: times(2, { body: 'garbage', headers: { 'content-type': 'text/html' } }),
  },
  { fault: '400', always: { status: 400, body: encode('Status', { message: 'bad' }) }, refused: true },
  {
    fault: 'INVALID_ARGUMENT (gRPC)',
    always: { grpcCode: 3, grpcMessage: 'bad' },
    protocol: 'grpc',
    refused: true,
  },
  { fault: '401', always: { status: 401 }, refused: true },
  { fault: 'a redirect', always: { status: 307, headers: { location: '/elsewhere' } }, refused: true },
  { fault: 'partial success', always: { partial: { rejected: 3, message: 'too old' } }, refused: true },
  { fault: 'an outage', always: { status: 503 } },
  { fault: 'an outage (http/json)', always: { status: 503 }, protocol: 'http/json' },
  { fault: 'a burst of 30,000 in one turn', count: 30_000 },
];

describe('the books of the delivery', function () {
  this.timeout(30_000);
  let sink: OtlpSink;
  let heard: Ear;
  let dir: string;
  beforeEach(async () => {
    sink = await startSink();
    heard = ear();
    dir = fs.mkdtempSync(join(tmpdir(), 'sonde-books-'));
  });
  afterEach(async () => {
    heard.close();
    await sink.close();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  function start(
    { protocol = 'http/protobuf', timeoutMillis = 2000, to: elsewhere }: Row,
    spool: boolean,
  ): Delivery {
    const base = elsewhere ?? (protocol === 'grpc' ? sink.grpcUrl : sink.httpUrl);
    const to = (signal: string) =>
      target({ endpoint: protocol === 'grpc' ? base : `${base}/v1/${signal}`, protocol, timeoutMillis });
    const batch = { ...defaults.traces.batch, scheduleDelayMillis: 20, maxExportBatchSize: 64 };
    const config: Config = {
      ...defaults,
      traces: { ...defaults.traces, batch },
      logs: { ...defaults.logs, batch },
      otlp: { off: false, traces: to('traces'), metrics: to('metrics'), logs: to('logs') },
      ...(spool && { spool: { dir, maxBytes: defaults.spool.maxBytes } }),
    };
    return startDelivery({
      config,
      attributes: { 'service.name': 'shop' },
      ...{ loadOtlp: () => otlpPart, loadGrpc: () => grpcPart, loadEncoding: () => encodingPart },
      ...{ loadSpool: () => spoolPart, loadLastPost: () => lastPost },
      retry: { initialMillis: 20, maxMillis: 100 },
    });
  }

  /** With a spool nobody waits for a receiver that fails: the next process brings what is left. */
  async function inherit(row: Row): Promise<void> {
    const heir = start(row, true);
    const left = (signal: string) => heard.counted(`spooled.${signal}`) - heard.counted(`adopted.${signal}`);
    await eventually(() => left('traces') + left('logs') === 0 && heir.waiting() === 0);
    await heir.shutdown();
  }

  let number = 0;
  function emit(delivery: Delivery, count: number): void {
    for (const span of finishedSpans(count)) delivery.spans!.add(span);
    for (let i = 0; i < count; i++) {
      const severityNumber = i % 10 === 0 ? 17 : 9;
      delivery.logs!(logRecord({ message: `record ${++number}`, severityNumber }));
    }
  }

  function expectBalance(signal: 'traces' | 'logs', emitted: number, row: Row): void {
    const counts = heard.counts();
    const of = (prefix: string) =>
      Object.entries(counts)
        .filter(([name]) => name.startsWith(`${prefix}.${signal}`))
        .reduce((sum, [, count]) => sum + count, 0);
    expect(of('emitted')).to.equal(emitted);
    const fate = of('delivered') + of('dropped') + of('spooled') - of('adopted');
    expect(fate, JSON.stringify(counts)).to.equal(emitted);
    expect(of('spooled'), 'what one leaves the next one takes').to.equal(of('adopted'));
    if (!row.refused) expect(of('dropped')).to.equal(0);
    const ids =
      signal === 'traces' ? sink.spans().map(({ spanId }) => spanId) : sink.logs().map(({ body }) => body);
    const partial = counts[`dropped.${signal}.partial`] ?? 0;
    expect(new Set(ids).size, 'what the receiver has').to.equal(of('delivered') + partial);
    expect(ids.length - new Set(ids).size, 'twice').to.be.at.most(64);
  }

  for (const row of rows) {
    for (const spool of [false, true]) {
      it(`balance after ${row.fault}, ${spool ? 'with a spool' : 'in memory'} (R3)`, async () => {
        const delivery = start(row, spool);
        const count = row.count ?? 300;
        if (row.next) sink.failNext(...row.next);
        sink.failAlways(row.always);
        emit(delivery, count / 2);
        if (row.always) await sink.until(({ requests }) => requests.length >= 4);
        sink.failAlways(undefined);
        emit(delivery, count / 2);
        await delivery.forceFlush(20_000);
        await delivery.shutdown();
        if (heard.counted('spooled.traces') + heard.counted('spooled.logs') > 0) await inherit(row);
        expectBalance('traces', count, row);
        expectBalance('logs', count, row);
      });
    }
  }

  /** Spans that came more than once. */
  function twice(): number {
    const ids = sink.spans().map(({ spanId }) => spanId);
    return ids.length - new Set(ids).size;
  }

  it('balance when a backlog meets slow answers: it is brought by four requests at once, calm by one', async () => {
    const delivery = start({ fault: '' }, false);
    sink.failAlways({ delayMillis: 30 });
    emit(delivery, 2000);
    await delivery.forceFlush(20_000);
    const together = () => Math.max(...sink.requests.map((request) => request.together));
    expect(together()).to.equal(4);
    expect([sink.spans().length, twice()]).to.deep.equal([2000, 0]);
    sink.clear();
    for (let round = 0; round < 5; round++) {
      emit(delivery, 40);
      await delivery.forceFlush(20_000);
    }
    expect(together()).to.equal(1);
    await delivery.shutdown();
    expectFate(2200);
  });

  /** Everything that was emitted is called delivered, and nothing else. */
  function expectFate(emitted: number): void {
    for (const signal of ['traces', 'logs']) {
      expect(sumOf('dropped', signal), JSON.stringify(heard.counts())).to.equal(0);
      const own = sumOf('delivered', signal) + sumOf('spooled', signal) - sumOf('adopted', signal);
      expect(own, JSON.stringify(heard.counts())).to.equal(emitted);
    }
  }

  for (const spool of [false, true]) {
    it(`balance when every connection breaks under a backlog, ${spool ? 'with a spool' : 'in memory'}: four batches come twice at most`, async () => {
      const row = { fault: '' };
      const delivery = start(row, spool);
      sink.failAlways({ delayMillis: 100 });
      emit(delivery, 1500);
      await sink.until(({ requests }) =>
        requests.some(({ signal, together }) => signal === 'traces' && together === 4),
      );
      sink.cut();
      sink.failAlways(undefined);
      await delivery.forceFlush(20_000);
      await delivery.shutdown();
      if (sumOf('spooled', 'traces') + sumOf('spooled', 'logs') > 0) await inherit(row);
      expect(twice()).to.be.within(1, 4 * 64);
      expect(sink.spans()).to.have.length(1500 + twice());
      expectFate(1500);
    });
  }

  it('balance when the connection breaks and nothing waits: one batch comes twice at most', async () => {
    const delivery = start({ fault: '' }, false);
    for (let fault = 1; fault <= 3; fault++) {
      sink.failAlways({ delayMillis: 1000 });
      emit(delivery, 40);
      await sink.until(({ requests }) => requests.at(-1)?.together === 1);
      sink.cut();
      sink.failAlways(undefined);
      await delivery.forceFlush(20_000);
      expect(twice()).to.be.at.most(fault * 64);
    }
    await delivery.shutdown();
    expectFate(120);
  });

  it('are tried by one batch alone as long as a fault lasts that takes and does not answer', async () => {
    const delivery = start({ fault: '', timeoutMillis: 100 }, false);
    sink.failAlways({ delayMillis: 30 });
    emit(delivery, 1500);
    const ofTraces = () => sink.requests.filter(({ signal }) => signal === 'traces');
    await sink.until(() => ofTraces().some(({ together }) => together === 4));
    sink.failAlways({ connection: 'hang', taken: true });
    const before = ofTraces().length;
    await sink.until(() => ofTraces().length >= before + 8);
    sink.failAlways(undefined);
    // Four at most were already sent, and each has timed out before the first one is tried again.
    const trials = ofTraces().slice(before + 4, before + 8);
    expect(Math.max(...trials.map(({ together }) => together))).to.equal(1);
    await delivery.forceFlush(20_000);
    await delivery.shutdown();
    expect(sink.spans().length - twice()).to.equal(1500);
    expectFate(1500);
  });

  /** Of a signal, everything that begins so. */
  function sumOf(kind: string, signal: string): number {
    const ofIt = Object.entries(heard.counts()).filter(([name]) => name.startsWith(`${kind}.${signal}`));
    return ofIt.reduce((sum, [, count]) => sum + count, 0);
  }

  const unreachable: Readonly<Record<string, () => string>> = {
    'a name that nobody knows': () => 'http://collector.invalid:4318',
    'a port where nobody listens': () => 'http://127.0.0.1:9',
    'TLS with who does not speak it': () => sink.httpUrl.replace('http:', 'https:'),
    'an endpoint that is no URL': () => 'not a url',
  };
  for (const [what, to] of Object.entries(unreachable)) {
    for (const spool of [false, true]) {
      it(`balance for ${what}, ${spool ? 'with a spool' : 'in memory'}: all is counted or on disk`, async () => {
        const delivery = start({ fault: what, to: to(), timeoutMillis: 300 }, spool);
        emit(delivery, 100);
        await delivery.shutdown(400);
        for (const signal of ['traces', 'logs']) {
          expect(sumOf('delivered', signal)).to.equal(0);
          const fate = sumOf('dropped', signal) + sumOf('spooled', signal);
          expect(fate, JSON.stringify(heard.counts())).to.equal(100);
        }
        expect(heard.said.filter((line) => line.includes('Lost in all')).length).to.be.at.most(1);
      });
    }
  }

  it('balance when the folder of the spool goes away in an outage', async () => {
    const delivery = start({ fault: '' }, true);
    sink.failAlways({ status: 503 });
    emit(delivery, 100);
    await sink.until(({ requests }) => requests.length >= 2);
    fs.rmSync(dir, { recursive: true, force: true });
    emit(delivery, 100);
    sink.failAlways(undefined);
    await eventually(() => delivery.waiting() === 0);
    await delivery.shutdown();
    for (const signal of ['traces', 'logs'])
      expect(sumOf('delivered', signal) + sumOf('dropped', signal), JSON.stringify(heard.counts())).to.equal(
        200,
      );
  });

  it('balance when the process ends in an outage and there is no spool: all is counted', async () => {
    const delivery = start({ fault: '' }, false);
    sink.failAlways({ status: 503 });
    emit(delivery, 200);
    await delivery.shutdown(200);
    const { 'dropped.traces.503': refused = 0, 'dropped.traces.shutdown': unsent = 0 } = heard.counts();
    expect(refused + unsent).to.equal(200);
  });

  it('balance when the process ends in an outage and there is a spool: the next one brings all', async () => {
    const row = { fault: '' };
    const delivery = start(row, true);
    sink.failAlways({ status: 503 });
    emit(delivery, 200);
    await delivery.shutdown(200);
    expect(heard.counts()).to.include({ 'spooled.traces': 200, 'spooled.logs': 200 });
    sink.failAlways(undefined);
    await inherit(row);
    for (const signal of ['traces', 'logs'] as const) expectBalance(signal, 200, row);
  });
});
