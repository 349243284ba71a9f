import amqplib from 'amqplib';

const connection = await amqplib.connect('amqp://guest:guest@127.0.0.1');
const channel = await connection.createConfirmChannel();

export const open = (queue) => channel.assertQueue(queue, { expires: 60_000 });
export async function send(queue) {
  channel.sendToQueue(queue, Buffer.from('tea'));
  await channel.waitForConfirms();
}
export const work = (queue, handle) =>
  channel.consume(queue, (message) => {
    channel.ack(message);
    handle(String(message.content));
  });
export async function close() {
  await channel.close();
  await connection.close();
}
