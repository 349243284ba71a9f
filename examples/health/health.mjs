/**
 * What an orchestrator asks: alive, and ready. A database goes away and comes back, mail may fail, and the end is told first.
 *
 *     node health.mjs
 */
import http from 'node:http';
import { setTimeout as rest } from 'node:timers/promises';
import { gracefulShutdown, health, init } from 'sonde';

init({ service: { name: 'shop' }, otlp: { off: true } });

const pool = {
  isThere: true,
  async query() {
    if (!this.isThere) throw new Error('connect ECONNREFUSED postgres://shop:hunter2@db:5432');
  },
};
// With pg, mysql2, redis or mongodb their name is enough: health.check('db', 'pg').
health.check('db', () => pool.query('SELECT 1'), { timeout: 500, cacheMs: 0 });
// Slow or down it is told, and the service is ready all the same.
health.check('mail', () => rest(5_000, undefined, { ref: false }), { timeout: 50, critical: false });

const server = http.createServer((_request, response) => response.end('the app'));
health.mount(server);

server.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const ask = async (when, path) => {
    const answer = await fetch(base + path, { headers: { connection: 'close' } });
    console.log(`${when.padEnd(13)} ${path.padEnd(8)} ${answer.status} ${await answer.text()}`);
  };
  await ask('at first', '/readyz');
  pool.isThere = false;
  await ask('without db', '/readyz');
  await ask('without db', '/livez');
  pool.isThere = true;
  await ask('with it again', '/readyz');
  await ask('the rest', '/orders');
  // `delay`: as long as a load balancer needs to look away.
  gracefulShutdown({ server, delay: 1_000 });
  process.kill(process.pid, 'SIGTERM');
  await rest(100);
  await ask('at the end', '/readyz');
});
