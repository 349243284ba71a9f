// Makes Sonde say everything it can say by itself: HTTP in and out, well and badly, two databases, errors, runtime.
import { createServer, get, request } from 'node:http';
import net from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { Pool } from 'pg';
import { getLogger, withContext, withSpan } from 'sonde';

const log = getLogger('semconv');
const sqlite = new DatabaseSync(':memory:');
const pool = new Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres', max: 1 });

const server = createServer(async (req, res) => {
  if (req.url.startsWith('/upstream')) return res.end('ok');
  if (req.url === '/hang') return;
  if (req.url === '/fail') {
    log.exception(new RangeError('too many', { cause: new Error('why') }), 'failed');
    res.statusCode = 500;
    return res.end();
  }
  const { port } = server.address();
  await withContext({ 'user.id': 42 }, () =>
    withSpan('work', async () => {
      log.event('order_created', { 'order.id': 7 });
      await fetch(`http://127.0.0.1:${port}/upstream?token=secret`).then((answer) => answer.text());
      await fetch('http://127.0.0.1:1/').catch(() => {});
      sqlite.exec('CREATE TABLE IF NOT EXISTS items (id INTEGER)');
      sqlite.prepare('SELECT * FROM items WHERE id = ?').all(1);
      await pool.query('SELECT $1::int AS n', [1]);
      await pool.query('SELECT nothing FROM nowhere').catch(() => {});
      await new Promise((resolve) =>
        get({ port, path: '/fail' }, (answer) => answer.resume().on('end', resolve)),
      );
      await new Promise((resolve) => {
        const call = get({ port, path: '/hang' }).on('error', resolve);
        setTimeout(() => call.destroy(), 50);
      });
      await new Promise((resolve) => get({ port: 1 }).on('error', resolve));
    }),
  );
  await withSpan('failing', () => Promise.reject(new TypeError('no'))).catch(() => {});
  res.end('ok');
});
server.on('upgrade', (_req, socket) => {
  socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();

const headers = { 'User-Agent': 'test/1.0', 'X-Forwarded-For': '10.0.0.1', 'X-Correlation-ID': 'order-7' };
await new Promise((resolve) => {
  request({ port, path: '/orders?id=1&password=p', method: 'POST', headers }, (answer) => {
    answer.resume().on('end', resolve);
  }).end('body');
});
await new Promise((resolve) => {
  const upgrade = { Connection: 'Upgrade', Upgrade: 'echo' };
  request({ port, path: '/socket', headers: upgrade })
    .on('upgrade', (_answer, socket) => socket.on('close', resolve).resume())
    .end();
});
await new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => socket.end('BREW / HTTP/1.1\r\nHost: a\r\n\r\n'));
  socket.on('close', resolve).resume();
});
global.gc?.();
await new Promise((resolve) => setTimeout(resolve, 50));
sqlite.close();
await pool.end();
server.close();
server.closeAllConnections();
