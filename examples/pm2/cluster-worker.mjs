/** What each of pm2's workers runs; see `ecosystem.config.cjs`. */
import http from 'node:http';
import { counter, getLogger, gracefulShutdown } from 'sonde';

const log = getLogger('shop');
const orders = counter('orders.taken', { unit: '{order}' });
const server = http.createServer((request, response) => {
  orders.add(1);
  log.info('order taken', { path: request.url });
  response.end('ok\n');
});
server.listen(Number(process.env.PORT ?? 8080), () => log.info('listening', { port: server.address().port }));
gracefulShutdown({ server, timeout: 10_000 });
