/**
 * Four workers behind one port. Each has its own `service.instance.id`, all write JSON lines to stdout, and one scrape of the
 * primary's port 9464 is the sum of them.
 *
 *     WORKERS=4 node --require sonde/register cluster.mjs
 */
import cluster from 'node:cluster';
import http from 'node:http';
import { counter, getLogger, gracefulShutdown } from 'sonde';

const log = getLogger('shop');

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.WORKERS ?? 4); i++) cluster.fork();
  const end = (signal) => {
    for (const worker of Object.values(cluster.workers)) worker.kill(signal);
  };
  process.once('SIGTERM', end).once('SIGINT', end);
} else {
  const orders = counter('orders.taken', { unit: '{order}' });
  const server = http.createServer((request, response) => {
    orders.add(1);
    log.info('order taken', { path: request.url });
    response.end('ok\n');
  });
  server.listen(Number(process.env.PORT ?? 8080), () =>
    log.info('listening', { port: server.address().port }),
  );
  gracefulShutdown({ server });
}
