/** What each of pm2's workers runs; see `ecosystem.config.cjs`. */
import http from 'node:http';
import { getLogger, gracefulShutdown } from 'sonde';

const log = getLogger('shop');
const server = http.createServer((request, response) => {
  log.info('order taken', { path: request.url });
  response.end('ok\n');
});
server.listen(Number(process.env.PORT ?? 8080), () => log.info('listening', { port: server.address().port }));
gracefulShutdown({ server, timeout: 10_000 });
