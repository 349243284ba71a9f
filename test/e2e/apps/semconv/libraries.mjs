// Uses each library that Sonde sees, well and badly, and sends what was measured while its pools are still open.
import { once } from 'node:events';
import amqp from 'amqplib';
import { Queue, Worker } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import mariadb from 'mariadb';
import { MongoClient } from 'mongodb';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { createClient } from 'redis';
import { health, init, withSpan } from 'sonde';
import { openQueues } from './queues.mjs';

const [name, mongoPort, kafkaPort, sqsUrl] = process.argv.slice(2);
const sonde = init();
const unasked = () => {};
const place = { host: '127.0.0.1', user: 'root', database: 'test', connectionLimit: 1 };

const sql = new pg.Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres', max: 1 });
const one = mysql.createPool(place);
const other = mariadb.createPool(place);
const cache = new Redis();
const store = await createClient().connect();
const documents = await new MongoClient(`mongodb://127.0.0.1:${mongoPort}/`).connect();
const queue = new Queue(name, { connection: { host: '127.0.0.1', port: 6379 } });
const broker = await amqp.connect('amqp://guest:guest@127.0.0.1');
const channel = await broker.createChannel();
await channel.assertQueue(name, { autoDelete: true });

health.migrations(() => ['0042_orders']);
const [holder, waiter] = [1, 2].map(() => new pg.Client({ host: '127.0.0.1', user: 'postgres' }));
await Promise.all([holder.connect(), waiter.connect()]);
await waiter.query("SET lock_timeout = '20ms'");

const queues = await openQueues({ name, kafkaPort, sqsUrl });
const rest = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
// Made here, it belongs to nobody.
const { promise: asked, resolve: ask } = Promise.withResolvers();
const lost = asked.then(() => sql.query('SELECT 1 FROM pg_class LIMIT 1'));

const app = express();
app.get('/orders/:id', async (request, response) => {
  const { id } = request.params;
  await sql.query('SELECT $1::int AS id', [Number(id)]);
  await sql.query('SELECT nothing FROM nowhere').catch(unasked);
  await sql.query('SELECT pg_sleep(0.03)');
  const lent = await sql.connect();
  const waiting = sql.query('SELECT 1');
  await new Promise((resolve) => setTimeout(resolve, 30));
  lent.release();
  await waiting;
  for (const session of [holder, waiter]) {
    await session.query('SELECT pg_advisory_lock(hashtext($1))', [name]).catch(unasked);
  }
  for (const pool of [one, other]) {
    await pool.query('SELECT ? AS id', [id]);
    await pool.query('SELECT nothing FROM nowhere').catch(unasked);
  }
  await other.batch('SELECT ?', [[1], [2]]).catch(unasked);
  for (const client of [cache, store]) {
    await client.set(`sonde:${name}`, 'tea');
    await client.get(`sonde:${name}`);
    await client.del(`sonde:${name}`);
    await client.get(`sonde:${name}`);
  }
  await store.multi().get('sonde:a').get('sonde:b').exec();
  await store.sendCommand(['LPUSH']).catch(unasked);
  await documents.db('shop').collection('orders').find({ id }).toArray();
  await documents.db('shop').command({ nonsense: 1 }).catch(unasked);
  for (let at = 0; at < 5; at++) await sql.query('SELECT 1 FROM pg_class LIMIT 1');
  await queue.add('mail', { id }, { attempts: 2 });
  channel.sendToQueue(name, Buffer.from(id));
  await queues.send();
  await queues.sendWrong();
  ask();
  await lost;
  const left = await withSpan('leaves', () => ({ late: withSpan('left behind', () => rest(5)) }));
  await left.late;
  response.json({ id });
});
app.get('/fails', () => {
  throw new RangeError('no');
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const base = `http://127.0.0.1:${server.address().port}`;
await fetch(`${base}/orders/42`).then((answer) => answer.json());
await fetch(`${base}/fails`).then((answer) => answer.text());

const worker = new Worker(
  name,
  async ({ attemptsMade }) => {
    if (attemptsMade === 0) throw new Error('once more');
  },
  { connection: { host: '127.0.0.1', port: 6379 } },
);
await once(worker, 'completed');
await new Promise((resolve) => {
  channel.consume(name, (message) => {
    channel.ack(message);
    resolve();
  });
});
await queues.work();
await rest(50);
await sonde.forceFlush();

server.closeAllConnections();
server.close();
await worker.close();
await queue.obliterate({ force: true });
await queue.close();
await channel.close();
await broker.close();
await queues.close();
cache.disconnect();
store.destroy();
await documents.close();
await Promise.all([sql, one, other, holder, waiter].map((each) => each.end()));
