/**
 * A shop that answers at once and sends the mail later, in another process: Express, PostgreSQL, Redis, fetch and
 * BullMQ. Nothing in here knows Sonde but the logger, and it is one trace from the request to the job, with the
 * caller's correlation id on every line of both processes.
 *
 *     node --import sonde/register app.mjs
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import pg from 'pg';
import { getLogger } from 'sonde';

const log = getLogger('shop.orders');
const redisUrl = new URL(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
const connection = { host: redisUrl.hostname, port: Number(redisUrl.port) };
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres',
});
const redis = new Redis({ ...connection, lazyConnect: true, retryStrategy: () => null });
redis.on('error', () => {});

try {
  await Promise.all([pool.query('SELECT 1'), redis.connect()]);
} catch (error) {
  console.error(
    `PostgreSQL or Redis does not answer (${error.code ?? error.message}). Start them, or set DATABASE_URL and REDIS_URL.`,
  );
  process.exit(1);
}

const mails = new Queue(`shop-mails-${process.pid}`, { connection });
const worker = fork(new URL('./worker.mjs', import.meta.url), [mails.name, JSON.stringify(connection)]);

const app = express();
app.get('/orders/:id', async (request, response) => {
  const { rows } = await pool.query('SELECT $1::int AS id', [request.params.id]);
  await redis.get(`shop:customer:${request.params.id}`);
  const price = await (await fetch(`http://127.0.0.1:${server.address().port}/prices/tea`)).json();
  log.info('order taken', { order: rows[0].id, ...price });
  await mails.add('confirmation', { order: rows[0].id });
  response.status(202).end();
});
app.get('/prices/:name', (request, response) => {
  log.info('price asked', { name: request.params.name });
  response.json({ price: 7 });
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const headers = { 'X-Correlation-ID': 'order-1042' };
await fetch(`http://127.0.0.1:${server.address().port}/orders/1042`, { headers });
const [sent] = await once(worker, 'message');
console.log(`\nThe worker sent the mail under ${sent.correlationId}, the id that the request came with.`);
server.close();
await mails.obliterate({ force: true });
await mails.close();
redis.disconnect();
await pool.end();
