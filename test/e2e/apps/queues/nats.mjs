import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const connection = await connect({ servers: '127.0.0.1' });
const manager = await jetstreamManager(connection);
const client = jetstream(connection);

export async function open(queue) {
  await manager.streams.add({ name: queue, subjects: [queue], max_age: 60_000_000_000 });
  await manager.consumers.add(queue, { durable_name: 'all', ack_policy: 'explicit', filter_subject: queue });
}
export const send = (queue) => client.publish(queue, 'tea');
export async function work(queue, handle) {
  const consumer = await client.consumers.get(queue, 'all');
  const callback = async (message) => {
    const done = handle(message.string());
    await message.ackAck();
    await done;
  };
  await consumer.consume({ callback });
}
export const close = () => connection.close();
