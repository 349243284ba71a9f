// The queues that need a stub, or more words than one line.
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { connect } from '@nats-io/transport-node';
import { Kafka, Partitioners } from 'kafkajs';
import PgBoss from 'pg-boss';

/** `send` and `sendWrong` send by each, `work` resolves when each has handled a message. */
export async function openQueues({ name, kafkaPort, sqsUrl }) {
  const options = { schema: 'sonde_boss', supervise: false, schedule: false };
  const boss = new PgBoss({ host: '127.0.0.1', user: 'postgres', database: 'postgres', ...options });
  await boss.start();
  await boss.createQueue(name);
  const nats = await connect({ servers: '127.0.0.1' });
  const heard = new Promise((resolve) => nats.subscribe(name, { callback: resolve }));
  const kafka = new Kafka({ brokers: [`127.0.0.1:${kafkaPort}`], logLevel: 0 });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  const consumer = kafka.consumer({ groupId: 'semconv' });
  await producer.connect();
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const sqs = new SQSClient({ region: 'eu-west-1', endpoint: sqsUrl, credentials, maxAttempts: 1 });
  const QueueUrl = `${sqsUrl}/000000000000/${name}`;

  /** Its worker writes down how the last job has ended, maybe after the jobs are gone. */
  async function isRemoved() {
    try {
      await boss.getDb().executeSql('DELETE FROM sonde_boss.job WHERE name = $1', [name]);
      await boss.deleteQueue(name);
      return true;
    } catch {
      return false;
    }
  }

  return {
    async send() {
      await boss.send(name, { text: 'tea' });
      nats.publish(name, 'tea');
      await producer.send({ topic: name, messages: [{ key: 'k', value: 'tea' }] });
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'tea' }));
    },
    async sendWrong() {
      await boss.send(name, {}, { id: 'none' }).catch(() => {});
      await producer.send({ topic: name, messages: 'none' }).catch(() => {});
      await sqs.send(new SendMessageCommand({ QueueUrl })).catch(() => {});
    },
    async work() {
      await heard;
      await new Promise((resolve) => boss.work(name, { pollingIntervalSeconds: 0.5 }, async () => resolve()));
      await consumer.connect();
      await consumer.subscribe({ topic: name, fromBeginning: true });
      await new Promise((resolve) => consumer.run({ eachMessage: async () => resolve() }));
      await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
    },
    async close() {
      await consumer.disconnect();
      await producer.disconnect();
      await nats.close();
      sqs.destroy();
      await boss.offWork(name);
      for (let tries = 0; tries < 200 && !(await isRemoved()); tries++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await boss.stop({ graceful: false });
    },
  };
}
