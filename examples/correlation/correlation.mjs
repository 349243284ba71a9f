/**
 * What a correlation id is: believed when it is clean, replaced when it is not, made when there is none, and
 * handed on to the next service.
 *
 *     node correlation.mjs
 */
import { once } from 'node:events';
import http from 'node:http';
import { correlationId, getLogger, init, withContext } from 'sonde';

const sonde = init({ service: { name: 'correlation' } });
const log = getLogger('shop.stock');

const stock = await listen((_request, response) => response.end(correlationId()));

const front = await listen((_request, response) =>
  withContext({ 'user.id': 'ada' }, async () => {
    const next = await (await fetch(stock.url)).text();
    log.info('stock asked');
    response.end(JSON.stringify({ here: correlationId(), next }));
  }),
);

const calls = {
  'a clean id': { 'X-Correlation-ID': 'order-1042' },
  'an unclean id': { 'X-Correlation-ID': 'order 1042 <script>' },
  'no id': {},
};

const table = {};
for (const [sent, headers] of Object.entries(calls)) {
  const response = await fetch(front.url, { headers });
  const echoed = response.headers.get('x-correlation-id');
  table[sent] = { ...(await response.json()), echoed };
}
console.log('\nOne id here, in the next service and in the answer, whatever the caller sent:');
console.table(table);

front.server.close();
stock.server.close();
await sonde.shutdown();

async function listen(handler) {
  const server = http.createServer(handler);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}
