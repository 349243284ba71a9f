/**
 * Express and PostgreSQL under the preload. Nothing in here knows Sonde but the logger, and each line written
 * after a query still carries its own request's ids, although all requests share one pool.
 *
 *     node --import sonde/register app.mjs
 */
import express from 'express';
import pg from 'pg';
import { correlationId, getLogger } from 'sonde';

const log = getLogger('shop.products');
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  max: 2,
});

const app = express();
app.get('/products/:id', async (request, response) => {
  const { rows } = await pool.query('SELECT $1::int AS id, pg_sleep(0.02)::text', [request.params.id]);
  log.info('product read', { product: rows[0].id });
  response.json({ correlationId: correlationId() });
});

try {
  await pool.query('SELECT 1');
} catch (error) {
  console.error(
    `PostgreSQL does not answer (${error.code ?? error.message}). Start one, or set DATABASE_URL.`,
  );
  process.exit(1);
}

const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/products`;
  const calls = [1, 2, 3, 4, 5, 6].map(async (product) => {
    const response = await fetch(`${url}/${product}`, { headers: { 'X-Correlation-ID': `call-${product}` } });
    return (await response.json()).correlationId === `call-${product}`;
  });
  const kept = (await Promise.all(calls)).filter(Boolean).length;
  console.log(`\n${kept} of 6 requests kept their own ids across a pool of 2 connections.`);
  server.close();
  await pool.end();
});
