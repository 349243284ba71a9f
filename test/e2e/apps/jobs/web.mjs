import { once } from 'node:events';
import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import pg from 'pg';
import { getLogger } from 'sonde';

const [name] = process.argv.slice(2);
const log = getLogger('shop.web');
const pool = new pg.Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres' });
const redis = new Redis();
const queue = new Queue(name, { connection: { host: '127.0.0.1', port: 6379 } });

const app = express();
app.get('/orders/:id', async (request, response) => {
  const { rows } = await pool.query('SELECT $1::int AS id', [Number(request.params.id)]);
  await redis.get(`sonde:order:${request.params.id}`);
  const quoted = await fetch(`http://127.0.0.1:${server.address().port}/price`);
  log.info('order read', { price: await quoted.text() });
  await queue.add('mail', rows[0]);
  response.json(rows[0]);
});
app.get('/price', (_request, response) => {
  log.info('price asked');
  response.send('7');
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const answer = await fetch(`http://127.0.0.1:${server.address().port}/orders/42`, {
  headers: { 'x-correlation-id': 'web-42', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
});
await answer.json();
server.closeAllConnections();
server.close();
await queue.close();
redis.disconnect();
await pool.end();
