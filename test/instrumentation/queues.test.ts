/** Each queue library keeps the one contract; what is its own is in the file of its name. */
import { createRequire } from 'node:module';
import { amqplib } from '../../instrumentation/amqplib.ts';
import { bullmq } from '../../instrumentation/bullmq.ts';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { kafkajs } from '../../instrumentation/kafkajs.ts';
import { loadedExports } from '../../instrumentation/loaded-modules.ts';
import { nats } from '../../instrumentation/nats.ts';
import { pg } from '../../instrumentation/pg.ts';
import { pgBoss } from '../../instrumentation/pg-boss.ts';
import { sqs } from '../../instrumentation/sqs.ts';
import { extract } from '../../src/context/unit.ts';
import { startedBoss } from '../support/boss.ts';
import { requireOf } from '../support/installed.ts';
import { startKafkaStub } from '../support/kafka-stub.ts';
import { type Carrier, type QueueCase, queueContract } from '../support/queue-contract.ts';
import { requireNats, requirePostgres, requireRabbitmq, requireRedis } from '../support/services.ts';
import { startSqsStub } from '../support/sqs-stub.ts';

const require = createRequire(import.meta.url);
const requireNatsCore = () =>
  createRequire(require.resolve('@nats-io/transport-node'))('@nats-io/nats-core/internal');

const copies = new Map<string, ReturnType<typeof requireOf>>();

/** One copy of each version for all tests. */
function ownOf(name: string): ReturnType<typeof requireOf> {
  const own = copies.get(name) ?? requireOf(name);
  copies.set(name, own);
  return own;
}

const bull = (library: string): QueueCase => ({
  name: library,
  system: 'bullmq',
  make: () => [bullmq(), ioredis()],
  patched() {
    const { Queue, FlowProducer, Worker, Job, Child } = (library === 'bullmq' ? require : ownOf(library))(
      'bullmq',
    );
    return [Queue, FlowProducer, Worker, Job, Child].map(({ prototype }) => prototype);
  },
  retries: true,
  apps: library === 'bullmq' ? ['bullmq-require.cjs', 'bullmq-named.mjs'] : [],
  before: requireRedis,
  async open(name) {
    const { Queue, Worker } = (library === 'bullmq' ? require : ownOf(library))('bullmq');
    const connection = { host: '127.0.0.1', port: 6379 };
    const queue = new Queue(name, { connection });
    let worker: any;
    return {
      send: (text) => queue.add('greet', { text }, { attempts: 2, backoff: 1 }),
      sendWith: (text, carrier) =>
        queue.add('greet', { text }, { telemetry: { metadata: JSON.stringify(carrier) } }),
      sendWrong: () => queue.add('greet', {}, { jobId: '7' }),
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
});

const rabbit = (name: string): QueueCase => ({
  name,
  system: 'rabbitmq',
  make: () => [amqplib()],
  patched() {
    ownOf(name)('amqplib');
    const models = loadedExports(/[\\/]amqplib[\\/]lib[\\/]channel_model\.js$/);
    return models.flatMap(({ Channel, ConfirmChannel }) => [Channel.prototype, ConfirmChannel.prototype]);
  },
  apps: name === 'amqplib' ? ['amqplib-require.cjs', 'amqplib-named.mjs', 'amqplib-callback.mjs'] : [],
  before: requireRabbitmq,
  async open(queue) {
    const connection = await ownOf(name)('amqplib').connect('amqp://guest:guest@127.0.0.1');
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
      sendWrong: () => channel.sendToQueue(queue, 'no bytes'),
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

const boss: QueueCase = {
  name: 'pg-boss',
  system: 'pg-boss',
  make: () => [pgBoss(), pg()],
  patched: () => [require('pg-boss').prototype, require('pg-boss/src/manager').prototype],
  retries: true,
  apps: ['pg-boss-require.cjs', 'pg-boss-default.mjs', 'pg-boss-dynamic.cjs'],
  before: requirePostgres,
  async open(queue) {
    const one = await startedBoss();
    await one.createQueue(queue);
    return {
      send: (text) => one.send(queue, { text }, { retryLimit: 1, retryDelay: 0 }),
      sendWith: (text, carrier) => one.send(queue, { text, 'sonde.context': carrier }),
      sendWrong: () => one.send(queue, {}, { id: 'none' }),
      receive: (work) =>
        one.work(queue, { pollingIntervalSeconds: 0.5, includeMetadata: true }, ([job]: any) =>
          work(job.data.text),
        ),
      close: () => one.close(),
    };
  },
};

const kafka: QueueCase = {
  name: 'kafkajs (against a stub of a broker at the wire)',
  system: 'kafka',
  nameless: true,
  make: () => [kafkajs()],
  patched: () => [require('kafkajs').Kafka.prototype],
  apps: ['kafkajs-require.cjs', 'kafkajs-named.mjs'],
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
      sendWrong: () => producer.send({ topic: queue, messages: 'none' }),
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

const natsCore: QueueCase = {
  name: 'nats',
  system: 'nats',
  make: () => [nats()],
  patched: () => [requireNatsCore().NatsConnectionImpl.prototype],
  apps: ['nats-require.cjs', 'nats-named.mjs'],
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
      sendWrong: () => connection.publish(queue, 7),
      async receive(work) {
        connection.subscribe(queue, { callback: (_error: unknown, message: any) => work(message.string()) });
        await connection.flush();
      },
      close: () => connection.close(),
    };
  },
};

const jetStream: QueueCase = {
  name: 'nats (JetStream)',
  system: 'nats',
  make: () => [nats()],
  patched: () => [requireNatsCore().NatsConnectionImpl.prototype],
  apps: ['nats-jetstream.mjs'],
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
      sendWrong: () => client.publish(queue, 7),
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
function textsOf(carrier: Carrier): Record<string, string | Buffer> {
  const entries = Object.entries(carrier).map(([name, value]) => [
    name,
    typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(entries);
}

const amazon: QueueCase = {
  name: 'sqs (against a stub of the JSON protocol)',
  system: 'aws.sqs',
  make: () => [sqs()],
  patched: () => [require('@aws-sdk/client-sqs').SQSClient.prototype],
  pulls: true,
  apps: ['sqs-require.cjs', 'sqs-named.mjs'],
  before: async () => {},
  async open(queue) {
    const { SQSClient, SendMessageCommand, ReceiveMessageCommand } = require('@aws-sdk/client-sqs');
    const stub = await startSqsStub();
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const client = new SQSClient({ region: 'eu-west-1', endpoint: stub.url, credentials, maxAttempts: 1 });
    const QueueUrl = `${stub.url}/000000000000/${queue}`;
    const send = (input: object) => client.send(new SendMessageCommand({ QueueUrl, ...input }));
    let isOpen = true;
    return {
      send: (text) => send({ MessageBody: text }),
      sendWith: (text) => send({ MessageBody: text }),
      sendWrong: () => send({ MessageBody: undefined }),
      async receive(work) {
        while (isOpen) {
          const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl }));
          for (const message of Messages) await extract(message, () => work(message.Body));
          await new Promise((done) => setTimeout(done, 5));
        }
      },
      async close() {
        isOpen = false;
        client.destroy();
        await stub.close();
      },
    };
  },
};

for (const library of [
  bull('bullmq'),
  bull('bullmq-5'),
  rabbit('amqplib'),
  rabbit('amqplib-1'),
  rabbit('amqplib-0'),
  boss,
  kafka,
  natsCore,
  jetStream,
  amazon,
]) {
  queueContract(library);
}
