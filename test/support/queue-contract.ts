/** What every instrumentation of a queue must keep, as one suite. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { AlwaysOffSampler, type ReadableSpan, type Sampler } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { defaults } from '../../src/config/config.ts';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { type Stamp, stampOf } from '../../src/context/correlation.ts';
import { suppressed } from '../../src/context/suppression.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { wrapJob } from '../../src/traces/job.ts';
import { type ArmedProcess, armed } from './armed.ts';
import { runNode } from './child.ts';
import { methodsOf } from './instrumentation-contract.ts';
import { nodeVersions } from './nodes.ts';

/** One queue library in the few words that the suite needs. */
export interface QueueCase {
  readonly name: string;
  readonly system: string;
  make(): Instrumentation[];
  /** Objects whose methods are patched. */
  patched(): readonly object[];
  /** Whether its messages have no id of their own. */
  readonly nameless?: boolean;
  /** Whether it tries a job again that failed. */
  readonly retries?: boolean;
  /** Whether the app asks for messages, and handles them by `extract`. */
  readonly pulls?: boolean;
  before(test: Mocha.Context): Promise<void>;
  open(queue: string): Promise<OpenQueue>;
  /** Apps in `test/fixtures/loading` that send to the queue `greet`; each imports the library in another way. */
  readonly apps: readonly string[];
}

export type Carrier = Readonly<Record<string, unknown>>;

export interface OpenQueue {
  /** Sends `text`; resolves when the queue has it. */
  send(text: string): Promise<unknown>;
  /** Sends `text` with this in the place where the context travels, as far as the library takes it. */
  sendWith(text: string, carrier: Carrier): Promise<unknown>;
  /** Sends to the queue what the library does not take. */
  sendWrong(): unknown;
  /** Calls `work` for each message. */
  receive(work: (text: string) => unknown): Promise<unknown>;
  close(): Promise<unknown>;
}

const root = join(import.meta.dirname, '../..');
const preload = join(root, 'test/support/preload.ts');
const spanId = '0123456789abcdef';

/** What no sender of Sonde's writes. */
const hostile: readonly Carrier[] = [
  { traceparent: 'tea' },
  { traceparent: `00-${'0'.repeat(32)}-${spanId}-01` },
  { traceparent: `00-${'g'.repeat(32)}-${spanId}-01` },
  { traceparent: '0'.repeat(20_000), 'X-Correlation-ID': 'c'.repeat(20_000) },
  { traceparent: 7, tracestate: true, baggage: ['a=1', { b: 2 }], 'X-Correlation-ID': {} },
  { traceparent: Buffer.from([0xff, 0xfe, 0x00]), 'X-Correlation-ID': Buffer.from([0x80]) },
  { 'X-Correlation-ID': 'two words', baggage: '=,;=,'.repeat(2_000) },
  { TRACEPARENT: '', 'x-correlation-id': '' },
];

const here = (): Stamp => stampOf(activeContext());

/** How a library fails by itself. */
async function failureOf(run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

/** Declares the suite. */
export function queueContract(given: QueueCase): void {
  describe(given.name, () => {
    let process: ArmedProcess;
    let opened: OpenQueue | undefined;
    let queue: string;
    let records: LogRecord[];
    let sinks: ReturnType<typeof setSinks>;

    const arm = (sampler?: Sampler, relation: 'parent' | 'link' = 'parent'): void => {
      process = armed(given.make(), sampler, { ...defaults, messaging: { relation, depth: false } });
    };
    const open = async (): Promise<OpenQueue> => {
      opened = await given.open(queue);
      return opened;
    };
    const close = async (): Promise<void> => {
      const last = opened;
      opened = undefined;
      await last?.close();
    };
    const start = (relation?: 'parent' | 'link'): Promise<OpenQueue> => {
      arm(undefined, relation);
      return open();
    };
    const all = (kind: string): ReadableSpan[] =>
      process.spans.filter(({ name }) => name === `${kind} ${queue}`);
    /** The library's own calls of a server have spans, too. */
    const messagingSpans = () => ['send', 'process', 'receive'].flatMap(all);

    before(async function () {
      await given.before(this);
    });

    beforeEach(() => {
      queue = `sonde-${randomUUID()}`;
      records = [];
      sinks = setSinks([(record) => void records.push(record)]);
    });

    afterEach(async () => {
      await close();
      setSinks(sinks);
      await process.stop();
    });

    /** Waits until so many spans of one kind have ended. */
    async function ended(kind: string, count = 1): Promise<ReadableSpan[]> {
      while (all(kind).length < count) await process.ended(process.spans.length + 1);
      return all(kind);
    }

    /** Sends as work `id`, and gives what a receiver saw. */
    async function delivered(id: string, text = 'hello'): Promise<Stamp> {
      const { receive, send } = opened as OpenQueue;
      const seen = new Promise<Stamp>((resolve, reject) => {
        receive(() => resolve(here())).catch(reject);
      });
      await process.within(id, () => send(text));
      return seen;
    }

    it('carries trace and correlation id from sender to receiver, with the id of the message (A31)', async () => {
      await start();
      const seen = await delivered('web-1');
      const [sent] = await ended('send');
      expect(sent?.kind).to.equal(SpanKind.PRODUCER);
      expect(seen.traceId).to.equal(sent?.spanContext().traceId);
      expect(seen.correlationId).to.equal('web-1');
      expect(sent?.attributes).to.include({
        'messaging.system.name': given.system,
        'messaging.destination.name': queue,
        'messaging.operation.type': 'send',
      });
      expect(await process.points('messaging.client.operation.duration')).to.not.be.empty;
      if (given.pulls) {
        const received = all('receive').find(({ links }) => links.length > 0);
        expect(received?.links[0]?.context.spanId).to.equal(sent?.spanContext().spanId);
        return;
      }
      const [processed] = await ended('process');
      expect(processed?.kind).to.equal(SpanKind.CONSUMER);
      expect(processed?.parentSpanContext?.spanId).to.equal(sent?.spanContext().spanId);
      expect(seen.attributes).to.include({ 'messaging.destination.name': queue });
      if (!given.nameless) expect(seen.attributes?.['messaging.message.id']).to.be.a('string');
      expect(await process.points('messaging.process.duration')).to.have.length(1);
    });

    if (!given.pulls) {
      it('links in place of continuing, where somebody asks for it, and keeps the correlation id (A31)', async () => {
        await start('link');
        const seen = await delivered('web-2');
        const [[sent], [processed]] = [await ended('send'), await ended('process')];
        expect(processed?.parentSpanContext).to.equal(undefined);
        expect(processed?.links[0]?.context.spanId).to.equal(sent?.spanContext().spanId);
        expect(seen.correlationId).to.equal('web-2');
      });

      it('believes nothing of hostile headers, and delivers the message all the same (A31)', async () => {
        const { receive, sendWith } = await start();
        const texts: string[] = [];
        const ids: (string | undefined)[] = [];
        await receive((text) => {
          texts.push(text);
          ids.push(here().correlationId);
        });
        for (const [at, carrier] of hostile.entries()) {
          await runIn(suppressed(rootContext), () => sendWith(`hello ${at}`, carrier));
        }
        const processed = await ended('process', hostile.length);
        expect(texts.sort()).to.deep.equal(hostile.map((_, at) => `hello ${at}`));
        for (const { parentSpanContext } of processed) expect(parentSpanContext).to.equal(undefined);
        expect(ids).to.have.members(processed.map((each) => each.spanContext().traceId));
        expect(records.filter(({ level }) => level === 'ERROR')).to.deep.equal([]);
      });
    }

    it('leaves nothing behind when disarmed, and can be armed again', async () => {
      const before = given.patched().map(methodsOf);
      arm();
      // Some patch what is loaded with the first use.
      await open();
      await close();
      process.armed.disarm();
      expect(given.patched().map(methodsOf)).to.deep.equal(before);
      const { send } = await open();
      await send('hello');
      expect(messagingSpans()).to.deep.equal([]);
      await close();
      await process.stop();
      await (await start()).send('hello');
      expect(await ended('send')).to.have.length(1);
    });

    it('passes an error on unchanged, and tells it on the span and in the metric', async () => {
      arm();
      process.armed.disarm();
      const { sendWrong } = await open();
      const plain = await failureOf(sendWrong);
      await close();
      await process.stop();
      const { sendWrong: sendAgain } = await start();
      const error = await failureOf(sendAgain);
      expect(error.constructor.name).to.equal(plain.constructor.name);
      expect(error.message).to.equal(plain.message);
      expect(Object.keys(error)).to.deep.equal(Object.keys(plain));
      const [sent] = await ended('send');
      expect(sent?.status.code).to.equal(SpanStatusCode.ERROR);
      expect(sent?.attributes['error.type']).to.equal(error.name);
      const points = await process.points('messaging.client.operation.duration');
      expect(points.map(({ attributes }) => attributes['error.type'])).to.include(error.name);
    });

    it('carries the ids, and measures, where nothing is sampled', async () => {
      arm(new AlwaysOffSampler());
      await open();
      const seen = await delivered('web-5');
      expect(seen.correlationId).to.equal('web-5');
      expect(seen.traceFlags).to.equal(0);
      expect(process.spans).to.deep.equal([]);
      expect(await process.points('messaging.client.operation.duration')).to.not.be.empty;
    });

    it('is blind in a suppressed context', async () => {
      const { send } = await start();
      await runIn(suppressed(activeContext()), () => send('hello'));
      expect(messagingSpans()).to.deep.equal([]);
      expect(await process.points('messaging.client.sent.messages')).to.deep.equal([]);
    });

    it('keeps the context of who sends, and tells nobody what the message says (A62)', async () => {
      const { send } = await start();
      await process.within('web-6', async () => {
        const before = activeContext();
        await send('my-s3cret-text');
        expect(activeContext()).to.equal(before);
      });
      await delivered('web-7', 'my-s3cret-text');
      await ended('send', 2);
      const told = process.spans.map(({ attributes, events, links }) => ({ attributes, events, links }));
      const logged = records.map(({ message, fields }) => ({ message, fields }));
      expect(JSON.stringify([told, logged])).to.not.contain('my-s3cret-text');
    });

    if (!given.retries) return;

    it('tells a failure once, on the span and as one ERROR, and lets the queue do what it does (A32)', async () => {
      const { receive, send } = await start();
      let tries = 0;
      await new Promise<void>((resolve, reject) => {
        const work = () => {
          tries += 1;
          if (tries === 1) throw new RangeError('out of tea');
          resolve();
        };
        receive(work).catch(reject);
        process.within('web-3', () => send('hello')).catch(reject);
      });
      await ended('process', 2);
      expect(tries).to.equal(2);
      const failed = process.spans.find(({ status }) => status.code === SpanStatusCode.ERROR);
      expect(failed?.name).to.equal(`process ${queue}`);
      expect(failed?.attributes['error.type']).to.equal('RangeError');
      const errors = records.filter(({ level }) => level === 'ERROR');
      expect(errors.map(({ logger, stamp }) => [logger, stamp.correlationId])).to.deep.equal([
        ['sonde.jobs', 'web-3'],
      ]);
      expect((await process.points('job.retries')).map(({ count }) => count)).to.deep.equal([1]);
    });

    it('takes an expected error for a warning (A32)', async () => {
      const { receive, send } = await start();
      const fail = () => {
        throw new RangeError('no such order');
      };
      await receive(wrapJob(fail, { name: 'greet', expected: [RangeError] }));
      await process.within('web-4', () => send('hello'));
      const processed = await ended('process', 2);
      expect(records.filter(({ level }) => level === 'ERROR')).to.deep.equal([]);
      expect(records.filter(({ level }) => level === 'WARN')).to.have.length(2);
      expect(processed.filter(({ status }) => status.code === SpanStatusCode.ERROR)).to.deep.equal([]);
    });
  });

  if (given.apps.length > 0) describeLoading(given);
}

function describeLoading({ name: library, apps, before: require }: QueueCase): void {
  describe(`${library}, loaded`, () => {
    before(async function () {
      await require(this);
    });

    for (const { name, path } of nodeVersions()) {
      it(`is seen by ${apps.join(', ')} on Node ${name} (A31)`, async () => {
        await Promise.all(apps.map((app) => look(app, path)));
      }).timeout(60_000);
    }
  });
}

async function look(app: string, node: string): Promise<void> {
  const args = ['--no-warnings', '--experimental-strip-types', '--import', preload];
  const { code, stderr, lines } = await runNode([...args, join(root, 'test/fixtures/loading', app)], {
    cwd: root,
    node,
  });
  expect(code, `${app}: ${stderr}`).to.equal(0);
  const seen = lines.at(-1)!;
  const names: string[] = seen.spans.map((span: { name: string }) => span.name);
  expect(
    names.filter((name) => name.startsWith('send ')),
    app,
  ).to.deep.equal(['send greet']);
  expect([...seen.missed, ...seen.said], app).to.deep.equal([]);
}
