/**
 * A service as a deployment wants it: ready when its parts are, and ended without a lost request. The manifest beside
 * it names every variable.
 *
 *     node --require sonde/register server.mjs
 */
import http from 'node:http';
import { getLogger, gracefulShutdown, health } from 'sonde';

const log = getLogger('shop');

health.check('stock', async () => 'in a real service: pool.query("SELECT 1")', { timeout: 1_000 });

const server = http.createServer((request, response) => {
  log.info('order taken', { path: request.url });
  response.end('ok\n');
});

server.listen(Number(process.env.PORT ?? 8080), () => log.info('listening', { port: server.address().port }));

// Kubernetes still sends requests while it takes the pod off its lists.
gracefulShutdown({ server, delay: Number(process.env.SHUTDOWN_DELAY_MS ?? 5_000), timeout: 20_000 });
