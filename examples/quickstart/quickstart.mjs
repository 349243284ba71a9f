/**
 * The smallest Sonde: one call in front of a server, and each log line inside a request knows its request.
 *
 *     node quickstart.mjs
 */
import http from 'node:http';
import { getLogger, init } from 'sonde';

const sonde = init({ service: { name: 'quickstart' } });
const log = getLogger('quickstart.hello');

const server = http.createServer((request, response) => {
  log.info('hello asked', { path: request.url });
  setTimeout(() => {
    log.info('hello answered');
    response.end('hello\n');
  }, 20);
});

server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/hello`;
  const response = await fetch(url, { headers: { 'X-Correlation-ID': 'order-1042' } });
  console.log(`\nSent X-Correlation-ID: order-1042, got back ${response.headers.get('x-correlation-id')}.`);
  console.log('Both lines carry it, and the trace_id of the request that they belong to.');
  server.close();
  await sonde.shutdown();
});
