import { execFile } from 'node:child_process';
import dc from 'node:diagnostics_channel';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Delivery, type DeliveryParts, startDelivery } from '../../../exporters/otlp/delivery.ts';
import * as encodingPart from '../../../exporters/otlp/encoding.ts';
import * as grpcPart from '../../../exporters/otlp/grpc.ts';
import * as lastPost from '../../../exporters/otlp/last-post.ts';
import * as otlpPart from '../../../exporters/otlp/otlp.ts';
import { type Config, defaults, type OtlpProtocol, type Signal } from '../../../src/config/config.ts';
import { activeContext } from '../../../src/context/context.ts';
import { isSuppressed } from '../../../src/context/suppression.ts';
import * as spoolPart from '../../../src/delivery/keeper.ts';
import {
  collection,
  type Ear,
  ear,
  eventually,
  finishedSpans,
  logRecord,
  target,
} from '../../support/otlp-items.ts';
import { encode } from '../../support/otlp-schema.ts';
import { type Fault, type OtlpSink, startSink } from '../../support/otlp-sink.ts';

const signals: readonly Signal[] = ['traces', 'metrics', 'logs'];
const soon = { initialMillis: 5, maxMillis: 20 };

function configFor(base: string, given: { protocol?: OtlpProtocol; named?: boolean } = {}): Config {
  const { protocol = 'http/protobuf', named = true } = given;
  const endpoint = (signal: Signal) => (protocol === 'grpc' ? base : `${base}/v1/${signal}`);
  const targets = signals.map((s) => [s, target({ endpoint: endpoint(s), protocol, named })] as const);
  const batch = { ...defaults.traces.batch, scheduleDelayMillis: 5 };
  return {
    ...defaults,
    traces: { ...defaults.traces, batch },
    logs: { ...defaults.logs, batch },
    otlp: { off: false, ...Object.fromEntries(targets) } as Config['otlp'],
  };
}

describe('the delivery', () => {
  let sink: OtlpSink;
  let heard: Ear;
  let delivery: Delivery;

  beforeEach(async () => {
    sink = await startSink();
    heard = ear();
  });
  afterEach(async () => {
    await delivery.shutdown(100);
    heard.close();
    await sink.close();
  });

  function start(config: Config, given: Partial<DeliveryParts> = {}): Delivery {
    const attributes = { 'service.name': 'shop' };
    const loads = {
      loadEncoding: () => encodingPart,
      loadOtlp: () => otlpPart,
      loadGrpc: () => grpcPart,
      loadSpool: () => spoolPart,
      loadLastPost: () => lastPost,
    };
    const parts = { ...loads, retry: soon };
    delivery = startDelivery({ config, attributes, ...parts, ...given });
    return delivery;
  }

  function emit(count: number): void {
    for (const span of finishedSpans(count)) delivery.spans!.add(span);
    for (let i = 0; i < count; i++) delivery.logs!(logRecord({ message: `record ${i}` }));
  }

  /** Emitted = delivered + dropped + forgotten, for the signal; and delivered is what the receiver has. */
  function expectBalance(signal: 'traces' | 'logs', emitted: number): void {
    const counts = heard.counts();
    const lost = Object.entries(counts).filter(([name]) => name.startsWith(`dropped.${signal}.`));
    const dropped = lost.reduce((sum, [, count]) => sum + count, 0);
    const delivered = counts[`delivered.${signal}`] ?? 0;
    expect(counts[`emitted.${signal}`]).to.equal(emitted);
    expect(delivered + dropped + (counts[`standby.forgotten.${signal}`] ?? 0)).to.equal(emitted);
  }

  for (const protocol of ['http/protobuf', 'http/json', 'grpc'] as const) {
    it(`brings the three signals by ${protocol} and says so in one line`, async () => {
      start(configFor(protocol === 'grpc' ? sink.grpcUrl : sink.httpUrl, { protocol }));
      emit(3);
      delivery.metrics!.export(await collection(), () => undefined);
      await delivery.forceFlush();
      expect([sink.spans(), sink.logs(), sink.metrics()].map((all) => all.length)).to.deep.equal([3, 3, 4]);
      expect(sink.logs()[0]!.resource).to.deep.equal({ 'service.name': 'shop' });
      const url = protocol === 'grpc' ? sink.grpcUrl : sink.httpUrl;
      await delivery.shutdown();
      expect(heard.said).to.have.length(1);
      expect(heard.said[0]).to.include(`info OTLP: traces, metrics, logs accepted by ${url} (${protocol}).`);
      expect(heard.said[0]).to.include('SONDE_LOG_CONSOLE=off keeps one.');
    });
  }

  it('asks for the other signals as soon as one is answered again', async () => {
    start(configFor(sink.httpUrl), { retry: { initialMillis: 600_000, maxMillis: 600_000 } });
    sink.failNext({ status: 503 }, { status: 503 });
    emit(3);
    await sink.until(({ requests }) => requests.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    void delivery.spans!.forceFlush();
    await sink.until(() => sink.logs().length === 3);
  });

  it('loses nothing to an outage that ends, and does not tell of it twice', async () => {
    start(configFor(sink.httpUrl));
    sink.failNext(...Array.from({ length: 8 }, () => ({ status: 503 })));
    emit(700);
    await eventually(() => sink.spans().length === 700 && sink.logs().length === 700);
    await delivery.shutdown();
    expectBalance('traces', 700);
    expect(heard.counted('delivered.logs')).to.equal(700);
    expect(heard.said.filter((line) => line.startsWith('warn'))).to.have.length(1);
  });

  const faults: [what: string, fault: Fault, counter: string][] = [
    ['400', { status: 400, body: encode('Status', { message: 'bad batch' }) }, 'dropped.traces.400'],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }, 'dropped.traces.302'],
    ['partial success', { partial: { rejected: 3, message: 'too old' } }, 'dropped.traces.partial'],
  ];
  for (const [what, fault, counter] of faults) {
    it(`keeps its books after ${what}, and says why in one line`, async () => {
      start(configFor(sink.httpUrl));
      sink.failAlways(fault);
      for (const span of finishedSpans(10)) delivery.spans!.add(span);
      await delivery.forceFlush();
      await eventually(() => heard.said.some((line) => line.startsWith('warn')));
      sink.failAlways(undefined);
      for (const span of finishedSpans(5)) delivery.spans!.add(span);
      await delivery.shutdown();
      expectBalance('traces', 15);
      expect(heard.counted(counter)).to.equal(what === 'partial success' ? 3 : 10);
      const causes = heard.said.filter((line) => /bad batch|redirects|too old/.test(line));
      expect(causes).to.have.length(1);
      expect(heard.said.at(-1)).to.match(/^warn Lost in all: \d+ spans\./);
    });
  }

  it('comes again when the receiver asks it to: in seconds, or at a date', async () => {
    const config = configFor(sink.httpUrl);
    start(config);
    sink.failNext({ status: 429, headers: { 'retry-after': '1' } });
    delivery.spans!.add(finishedSpans()[0]!);
    await sink.until(({ requests }) => requests.length === 2);
    expect(sink.requests[1]!.at - sink.requests[0]!.at).to.be.within(995, 5000);
    sink.clear();
    const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
    sink.failNext({ status: 503, headers: { 'retry-after': date.toUTCString() } });
    delivery.spans!.add(finishedSpans()[0]!);
    await sink.until(({ requests }) => requests.length === 2);
    const asked = date.getTime() - sink.requests[0]!.at;
    expect(sink.requests[1]!.at - sink.requests[0]!.at).to.be.within(asked - 20, asked + 5000);
  });

  it('survives cut connections without loss', async () => {
    start(configFor(sink.httpUrl));
    sink.failNext({ connection: 'reset' }, { connection: 'reset' }, { connection: 'reset' });
    emit(20);
    await eventually(() => sink.spans().length >= 20 && sink.logs().length >= 20);
    await delivery.shutdown();
    expectBalance('traces', 20);
    expectBalance('logs', 20);
  });

  it('stands by where nobody named a place and nobody listens, and hands over when somebody comes', async () => {
    const url = sink.httpUrl;
    await sink.close();
    start(configFor(url, { named: false }), { standby: { firstMillis: 30, maxMillis: 60 } });
    emit(5);
    await eventually(() => delivery.waiting() === 10);
    await delivery.forceFlush();
    expect(heard.said.filter((line) => line.startsWith('warn'))).to.deep.equal([]);
    sink = await startSink({ httpPort: Number(new URL(url).port) });
    await sink.until(() => sink.spans().length === 5 && sink.logs().length === 5);
    await delivery.shutdown();
    expect(heard.said.filter((line) => line.includes('accepted by'))).to.have.length(1);
    expect(heard.counts()).to.include({ 'standby.released.traces': 5, 'standby.released.logs': 5 });
    expectBalance('traces', 5);
  });

  it('calls it no loss when nobody ever listened at the default place', async () => {
    await sink.close();
    start(configFor('http://127.0.0.1:1', { named: false }));
    emit(5);
    await delivery.shutdown();
    expect(heard.counts()).to.include({ 'standby.forgotten.traces': 5, 'standby.forgotten.logs': 5 });
    expect(heard.said.filter((line) => line.startsWith('warn'))).to.deep.equal([]);
    sink = await startSink();
  });

  it('tells once, with the cause, when nobody listens at a named place; and the sum at the end', async () => {
    start(configFor('http://127.0.0.1:1'));
    emit(5);
    await eventually(() => heard.said.length > 0);
    const begin = performance.now();
    await delivery.shutdown();
    expect(performance.now() - begin).to.be.below(1000);
    const [verdict, sum, ...more] = heard.said;
    expect(verdict).to.match(
      /^warn OTLP: (traces|logs) do not arrive yet: nobody listens at http:\/\/127\.0\.0\.1:1 /,
    );
    expect(sum).to.match(/^warn Lost in all: 5 (spans|log records), 5 (spans|log records)\./);
    expect(more).to.deep.equal([]);
    expectBalance('traces', 5);
    expectBalance('logs', 5);
  });

  it('ends within its deadline though the receiver hangs', async () => {
    start(configFor(sink.httpUrl));
    sink.failAlways({ connection: 'hang' });
    emit(5);
    const begin = performance.now();
    await delivery.shutdown(100);
    expect(performance.now() - begin).to.be.below(1000);
    expectBalance('traces', 5);
    expectBalance('logs', 5);
  });

  it('sends everything in a context that nobody observes', async () => {
    const seen: boolean[] = [];
    const look = () => void seen.push(isSuppressed(activeContext()));
    const names = [
      'http.client.request.start',
      'http.client.request.created',
      'net.client.socket',
      'http2.client.stream.start',
    ];
    for (const name of names) dc.subscribe(name, look);
    for (const protocol of ['http/protobuf', 'grpc'] as const) {
      start(configFor(protocol === 'grpc' ? sink.grpcUrl : sink.httpUrl, { protocol }));
      emit(1);
      await delivery.shutdown();
    }
    for (const name of names) dc.unsubscribe(name, look);
    expect(seen.length).to.be.above(3);
    expect(seen.every((unobserved) => unobserved)).to.equal(true);
  });

  for (const protocol of ['http/protobuf', 'grpc'] as const) {
    for (const [what, fault] of [
      ['a retry waits', { status: 503, grpcCode: 14 }],
      ['a receiver hangs', { connection: 'hang' }],
    ] as const) {
      it(`lets the process end while ${what} (${protocol})`, async () => {
        sink.failAlways(fault);
        start(configFor(sink.httpUrl));
        const url = protocol === 'grpc' ? sink.grpcUrl : `${sink.httpUrl}/v1/logs`;
        const script = join(import.meta.dirname, '../../fixtures/delivery/pending-retry.mjs');
        const ended = await new Promise<{ code: unknown; stdout: string }>((resolve) =>
          execFile(process.execPath, [script, url, protocol], { timeout: 20_000 }, (error, stdout) =>
            resolve({ code: error?.code ?? error?.signal ?? 0, stdout }),
          ),
        );
        expect(ended).to.deep.equal({ code: 0, stdout: 'main is over\nno answer yet\n' });
        expect(sink.requests).to.have.length(1);
      });
    }
  }
});
