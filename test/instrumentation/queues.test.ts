import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { amqplib } from '../../instrumentation/amqplib.ts';
import { bullmq } from '../../instrumentation/bullmq.ts';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { kafkajs } from '../../instrumentation/kafkajs.ts';
import { nats } from '../../instrumentation/nats.ts';
import { pg } from '../../instrumentation/pg.ts';
import { pgBoss } from '../../instrumentation/pg-boss.ts';
import { defaults } from '../../src/config/config.ts';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { suppressed } from '../../src/context/suppression.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { wrapJob } from '../../src/traces/job.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { startedBoss } from '../support/boss.ts';
import { requireOf } from '../support/bridged.ts';
import { startKafkaStub } from '../support/kafka-stub.ts';
import { requireNats, requirePostgres, requireRabbitmq, requireRedis } from '../support/services.ts';

const require = createRequire(import.meta.url);

/** One queue library in the few words that this suite needs. */
interface Library {
  readonly name: string;
  readonly system: string;
  make(): Instrumentation[];
  /** Whether its messages have no id of their own. */
  readonly nameless?: boolean;
  /** Whether it tries a job again that failed. */
  readonly retries?: boolean;
  before(test: Mocha.Context): Promise<void>;
  open(queue: string): Promise<Opened>;
}

type Hostile = Readonly<Record<string, unknown>>;

interface Opened {
  /** Sends `text`; resolves when the queue has it. */
  send(text: string): Promise<unknown>;
  /** Sends `text` with this in the place where the context travels, as far as the library takes it. */
  sendWith(text: string, carrier: Hostile): Promise<unknown>;
  /** Calls `work` for each message. */
  receive(work: (text: string) => unknown): Promise<unknown>;
  close(): Promise<unknown>;
}

const bull: Library = {
  name: 'bullmq',
  system: 'bullmq',
  make: () => [bullmq(), ioredis()],
  retries: true,
  before: requireRedis,
  async open(name) {
    const { Queue, Worker } = require('bullmq');
    const connection = { host: '127.0.0.1', port: 6379 };
    const queue = new Queue(name, { connection });
    let worker: any;
    return {
      send: (text) => queue.add('greet', { text }, { attempts: 2, backoff: 1 }),
      sendWith: (text, carrier) =>
        queue.add('greet', { text }, { telemetry: { metadata: JSON.stringify(carrier) } }),
      async receive(work) {
        worker = new Worker(name, async (job: any) => work(job.data.text), { connection });
        worker.on('error', () => {});
        await worker.waitUntilReady();
      },
      async close() {
        await worker?.close();
        await queue.obliterate({ force: true });
        await queue.close();
      },
    };
  },
};

const rabbit = (name: string): Library => ({
  name,
  system: 'rabbitmq',
  make: () => [amqplib()],
  before: requireRabbitmq,
  async open(queue) {
    const connection = await requireOf(name)('amqplib').connect('amqp://guest:guest@127.0.0.1');
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { autoDelete: true });
    return {
      async send(text) {
        channel.sendToQueue(queue, Buffer.from(text), { messageId: 'm1' });
        await channel.waitForConfirms();
      },
      async sendWith(text, headers) {
        channel.sendToQueue(queue, Buffer.from(text), { headers });
        await channel.waitForConfirms();
      },
      receive: (work) =>
        channel.consume(queue, async (message: any) => {
          await work(String(message.content));
          channel.ack(message);
        }),
      async close() {
        await channel.deleteQueue(queue);
        await connection.close();
      },
    };
  },
});

const boss: Library = {
  name: 'pg-boss',
  system: 'pg-boss',
  make: () => [pgBoss(), pg()],
  retries: true,
  before: requirePostgres,
  async open(queue) {
    const one = await startedBoss();
    await one.createQueue(queue);
    return {
      send: (text) => one.send(queue, { text }, { retryLimit: 1, retryDelay: 0 }),
      sendWith: (text, carrier) => one.send(queue, { text, 'sonde.context': carrier }),
      receive: (work) =>
        one.work(queue, { pollingIntervalSeconds: 0.5, includeMetadata: true }, ([job]: any) =>
          work(job.data.text),
        ),
      close: () => one.close(),
    };
  },
};

const kafka: Library = {
  name: 'kafkajs (against a stub of a broker at the wire)',
  system: 'kafka',
  nameless: true,
  make: () => [kafkajs()],
  before: async () => {},
  async open(queue) {
    const { Kafka, logLevel, Partitioners } = require('kafkajs');
    const stub = await startKafkaStub();
    const client = new Kafka({ brokers: [`127.0.0.1:${stub.port}`], logLevel: logLevel.NOTHING });
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    const consumer = client.consumer({ groupId: 'tests' });
    await producer.connect();
    return {
      send: (text) => producer.send({ topic: queue, messages: [{ value: text }] }),
      sendWith: (text, carrier) =>
        producer.send({ topic: queue, messages: [{ value: text, headers: textsOf(carrier) }] }),
      async receive(work) {
        await consumer.connect();
        await consumer.subscribe({ topic: queue, fromBeginning: true });
        await consumer.run({ eachMessage: async ({ message }: any) => work(String(message.value)) });
      },
      async close() {
        await consumer.disconnect();
        await producer.disconnect();
        await stub.close();
      },
    };
  },
};

const natsCore: Library = {
  name: 'nats',
  system: 'nats',
  make: () => [nats()],
  before: requireNats,
  async open(queue) {
    const { connect, headers } = require('@nats-io/transport-node');
    const connection = await connect({ servers: '127.0.0.1' });
    return {
      async send(text) {
        const own = headers();
        own.set('Nats-Msg-Id', 'm1');
        connection.publish(queue, text, { headers: own });
        await connection.flush();
      },
      async sendWith(text, carrier) {
        const own = headers();
        for (const [name, value] of Object.entries(textsOf(carrier))) own.set(name, String(value));
        connection.publish(queue, text, { headers: own });
        await connection.flush();
      },
      async receive(work) {
        connection.subscribe(queue, { callback: (_error: unknown, message: any) => work(message.string()) });
        await connection.flush();
      },
      close: () => connection.close(),
    };
  },
};

const jetStream: Library = {
  name: 'nats (JetStream)',
  system: 'nats',
  make: () => [nats()],
  before: requireNats,
  async open(queue) {
    const { connect, headers } = require('@nats-io/transport-node');
    const { jetstream, jetstreamManager } = require('@nats-io/jetstream');
    const connection = await connect({ servers: '127.0.0.1' });
    const manager = await jetstreamManager(connection);
    const client = jetstream(connection);
    await manager.streams.add({ name: queue, subjects: [queue] });
    await manager.consumers.add(queue, {
      durable_name: 'tests',
      ack_policy: 'explicit',
      filter_subject: queue,
    });
    return {
      send: (text) => client.publish(queue, text),
      sendWith(text, carrier) {
        const own = headers();
        for (const [name, value] of Object.entries(textsOf(carrier))) own.set(name, String(value));
        return client.publish(queue, text, { headers: own });
      },
      async receive(work) {
        const consumer = await client.consumers.get(queue, 'tests');
        await consumer.consume({
          callback: async (message: any) => {
            await work(message.string());
            message.ack();
          },
        });
      },
      async close() {
        await manager.streams.delete(queue);
        await connection.close();
      },
    };
  },
};

/** Kafka and NATS refuse everything but texts and bytes by themselves. */
function textsOf(carrier: Hostile): Record<string, string | Buffer> {
  const entries = Object.entries(carrier).map(([name, value]) => [
    name,
    typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(entries);
}

const spanId = '0123456789abcdef';

/** What no sender of Sonde's writes. */
const hostile: readonly Hostile[] = [
  { traceparent: 'tea' },
  { traceparent: `00-${'0'.repeat(32)}-${spanId}-01` },
  { traceparent: `00-${'g'.repeat(32)}-${spanId}-01` },
  { traceparent: '0'.repeat(20_000), 'X-Correlation-ID': 'c'.repeat(20_000) },
  { traceparent: 7, tracestate: true, baggage: ['a=1', { b: 2 }], 'X-Correlation-ID': {} },
  { traceparent: Buffer.from([0xff, 0xfe, 0x00]), 'X-Correlation-ID': Buffer.from([0x80]) },
  { 'X-Correlation-ID': 'two words', baggage: '=,;=,'.repeat(2_000) },
  { TRACEPARENT: '', 'x-correlation-id': '' },
];

const all = [bull, rabbit('amqplib'), rabbit('amqplib-0'), boss, kafka, natsCore, jetStream];

for (const library of all) {
  describe(library.name, () => {
    let process: ArmedProcess;
    let opened: Opened;
    let queue: string;
    let records: LogRecord[];
    let sinks: ReturnType<typeof setSinks>;

    const start = async (relation: 'parent' | 'link' = 'parent'): Promise<void> => {
      process = armed(library.make(), undefined, { ...defaults, messaging: { relation, depth: false } });
      queue = `sonde-${randomUUID()}`;
      opened = await library.open(queue);
    };
    const span = (name: string) => process.spans.find((each) => each.name === `${name} ${queue}`);
    const here = () => stampOf(activeContext());

    before(async function () {
      await library.before(this);
    });

    beforeEach(() => {
      records = [];
      sinks = setSinks([(record) => void records.push(record)]);
    });

    afterEach(async () => {
      await opened.close();
      setSinks(sinks);
      await process.stop();
    });

    /** Waits until both sides have ended: the library's own calls of a server end, too. */
    async function bothEnded(): Promise<void> {
      for (let count = 1; span('send') === undefined || span('process') === undefined; count++) {
        await process.ended(count);
      }
    }

    /** Waits until so many spans of one kind have ended. */
    async function endedOf(name: string, count: number): Promise<void> {
      const all = () => process.spans.filter((each) => each.name === `${name} ${queue}`);
      while (all().length < count) await process.ended(process.spans.length + 1);
    }

    /** Sends `text` as work `id`, and gives what a receiver saw. */
    async function delivered(id: string): Promise<ReturnType<typeof here>> {
      return new Promise((resolve, reject) => {
        opened.receive(() => resolve(here())).catch(reject);
        process.within(id, () => opened.send('hello')).catch(reject);
      });
    }

    it('carries trace and correlation id from sender to receiver, with the id of the message (A31)', async () => {
      await start();
      const seen = await delivered('web-1');
      await bothEnded();
      const [sent, processed] = [span('send'), span('process')];
      expect(sent?.kind).to.equal(SpanKind.PRODUCER);
      expect(processed?.kind).to.equal(SpanKind.CONSUMER);
      expect(processed?.parentSpanContext?.spanId).to.equal(sent?.spanContext().spanId);
      expect(seen.traceId).to.equal(sent?.spanContext().traceId);
      expect(seen.correlationId).to.equal('web-1');
      expect(seen.attributes).to.include({ 'messaging.destination.name': queue });
      if (!library.nameless) expect(seen.attributes?.['messaging.message.id']).to.be.a('string');
      expect(sent?.attributes).to.include({
        'messaging.system.name': library.system,
        'messaging.destination.name': queue,
        'messaging.operation.type': 'send',
      });
      for (const name of ['messaging.client.operation.duration', 'messaging.process.duration']) {
        expect(await process.points(name), name).to.have.length(1);
      }
    });

    it('links in place of continuing, where somebody asks for it, and keeps the correlation id (A31)', async () => {
      await start('link');
      const seen = await delivered('web-2');
      await bothEnded();
      const [sent, processed] = [span('send'), span('process')];
      expect(processed?.parentSpanContext).to.equal(undefined);
      expect(processed?.links[0]?.context.spanId).to.equal(sent?.spanContext().spanId);
      expect(seen.correlationId).to.equal('web-2');
    });

    it('believes nothing of hostile headers, and delivers the message all the same (A31)', async () => {
      await start();
      const texts: string[] = [];
      const ids: (string | undefined)[] = [];
      await opened.receive((text) => {
        texts.push(text);
        ids.push(here().correlationId);
      });
      for (const [at, carrier] of hostile.entries()) {
        await runIn(suppressed(rootContext), () => opened.sendWith(`hello ${at}`, carrier));
      }
      await endedOf('process', hostile.length);
      expect(texts.sort()).to.deep.equal(hostile.map((_, at) => `hello ${at}`));
      const processed = process.spans.filter(({ name }) => name === `process ${queue}`);
      for (const { parentSpanContext } of processed) expect(parentSpanContext).to.equal(undefined);
      expect(ids).to.have.members(processed.map((each) => each.spanContext().traceId));
      expect(records.filter(({ level }) => level === 'ERROR')).to.deep.equal([]);
    });

    if (!library.retries) return;

    it('tells a failure once, on the span and as one ERROR, and lets the queue do what it does (A32)', async () => {
      await start();
      let tries = 0;
      const again = new Promise<void>((resolve, reject) => {
        const work = () => {
          tries += 1;
          if (tries === 1) throw new RangeError('out of tea');
          resolve();
        };
        opened.receive(work).catch(reject);
        process.within('web-3', () => opened.send('hello')).catch(reject);
      });
      await again;
      await endedOf('process', 2);
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
      await start();
      const work = wrapJob(
        () => {
          throw new RangeError('no such order');
        },
        { name: 'greet', expected: [RangeError] },
      );
      const twice = new Promise<void>((resolve) => {
        let tries = 0;
        void opened.receive(() => {
          tries += 1;
          if (tries === 2) setTimeout(resolve, 50);
          return work();
        });
      });
      await process.within('web-4', () => opened.send('hello'));
      await twice;
      expect(records.filter(({ level }) => level === 'ERROR')).to.deep.equal([]);
      expect(records.filter(({ level }) => level === 'WARN')).to.have.length(2);
      expect(process.spans.filter(({ status }) => status.code === SpanStatusCode.ERROR)).to.deep.equal([]);
    });
  });
}
