import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { kafkajs } from '../../instrumentation/kafkajs.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { extract } from '../../src/context/unit.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { type KafkaStub, startKafkaStub } from '../support/kafka-stub.ts';

const require = createRequire(import.meta.url);

describe('kafkajs (against a stub of a broker at the wire)', () => {
  let process: ArmedProcess;
  let stub: KafkaStub;
  let client: any;
  let producer: any;
  let consumer: any;
  let topic: string;

  beforeEach(async () => {
    process = armed([kafkajs()]);
    stub = await startKafkaStub();
    const { Kafka, logLevel, Partitioners } = require('kafkajs');
    client = new Kafka({ brokers: [`127.0.0.1:${stub.port}`], logLevel: logLevel.NOTHING });
    producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    consumer = client.consumer({ groupId: 'mailers' });
    topic = `sonde-${randomUUID()}`;
    await producer.connect();
  });

  afterEach(async () => {
    await consumer.disconnect();
    await producer.disconnect();
    await stub.close();
    await process.stop();
  });

  const named = (name: string) => process.spans.filter((each) => each.name === name);
  const here = () => stampOf(activeContext());

  async function consumed(handlers: (done: (value: any) => void) => object): Promise<any> {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const value = await new Promise((resolve, reject) => consumer.run(handlers(resolve)).catch(reject));
    while (named(`process ${topic}`).length === 0) await process.ended(process.spans.length + 1);
    return value;
  }

  it('names partition, offset, key and group by the conventions (A31)', async () => {
    await producer.send({ topic, messages: [{ key: 'k1', value: 'tea' }] });
    await consumed((done) => ({ eachMessage: async ({ message }: any) => done(message) }));
    const place = {
      'messaging.system.name': 'kafka',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': '0',
      'kafka.offset': 0,
      'kafka.message.key': 'k1',
    };
    expect(named(`send ${topic}`)[0]?.attributes).to.include(place);
    expect(named(`process ${topic}`)[0]?.attributes).to.include({
      ...place,
      'messaging.consumer.group.name': 'mailers',
    });
  });

  it('takes a batch for a unit of its own that is linked to each sender; extract() finds one of them (A31)', async () => {
    for (const id of ['web-1', 'web-2']) {
      await process.within(id, () => producer.send({ topic, messages: [{ value: id }] }));
    }
    const seen = await consumed((done) => ({
      eachBatch: async ({ batch }: any) =>
        done(
          batch.messages.map((message: any) => [
            String(message.value),
            extract(message, () => here().correlationId),
          ]),
        ),
    }));
    expect(seen).to.deep.equal([
      ['web-1', 'web-1'],
      ['web-2', 'web-2'],
    ]);
    const [batch] = named(`process ${topic}`);
    expect(batch?.links.map(({ context }) => context.spanId)).to.deep.equal(
      named(`send ${topic}`).map((span) => span.spanContext().spanId),
    );
    expect(batch?.attributes['messaging.batch.message_count']).to.equal(2);
  });

  it('sends to several topics in one span that names none, and changes nothing of the app (A31)', async () => {
    const headers = Object.freeze({ tea: 'green' });
    const batch = {
      topicMessages: [
        { topic, messages: [{ value: 'a', headers }] },
        { topic: `${topic}-2`, messages: [{ value: 'b' }, { value: 'c' }] },
      ],
    };
    const before = structuredClone(batch);
    await producer.sendBatch(batch);
    expect(batch).to.deep.equal(before);
    const [sent] = named('send');
    expect(sent?.attributes['messaging.batch.message_count']).to.equal(3);
    expect(sent?.attributes).to.not.have.property('messaging.destination.name');
    const message = await consumed((done) => ({
      eachMessage: async (payload: any) => done(payload.message),
    }));
    expect(String(message.headers.tea)).to.equal('green');
    expect(String(message.headers.traceparent)).to.include(sent?.spanContext().traceId);
  });

  it('fails on what is no message just as kafkajs does', async () => {
    const wrong = [undefined, null, {}, { topic }, { topic, messages: 'none' }, { topic, messages: [null] }];
    const failures = async () => {
      const single = wrong.map((each) => producer.send(each));
      const batches = [...wrong, { topicMessages: 7 }, { topicMessages: [null] }].map((each) =>
        producer.sendBatch(each),
      );
      const all = await Promise.allSettled([...single, ...batches]);
      return all.map((each) => (each.status === 'rejected' ? String(each.reason) : each.value));
    };
    const armedFailures = await failures();
    process.armed.disarm();
    expect(armedFailures).to.deep.equal(await failures());
  });

  it('is gone from what it has made when disarmed', async () => {
    process.armed.disarm();
    await producer.send({ topic, messages: [{ value: 'tea' }] });
    expect(named(`send ${topic}`)).to.deep.equal([]);
  });
});
