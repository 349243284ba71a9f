/**
 * Twenty orders, one of which fails: of that one everything is kept, its debug lines and its spans, of the others the
 * lines at INFO and the metrics.
 *
 *     node tail-sampling.mjs
 */
import { once } from 'node:events';
import http from 'node:http';
import { getLogger, init, withSpan } from 'sonde';

const sonde = init({
  service: { name: 'shop' },
  // Nothing is picked by chance here; 0.05, one in twenty, where nothing is said.
  traces: { sampler: 'sonde_tail', samplerArg: 0, tail: { slow: '10s' } },
});
const log = getLogger('shop.orders');

async function order(number) {
  log.debug('cart loaded', { order: number });
  await withSpan('charge card', async () => {
    log.debug('card asked', { order: number });
    if (number === 13) throw new Error('card declined');
  });
  log.info('order paid', { order: number });
}

const server = http.createServer((request, response) => {
  order(Number(request.url.slice(1))).then(
    () => response.end(),
    (error) => {
      log.error('order failed', error);
      response.writeHead(502).end();
    },
  );
});
await once(server.listen(0, '127.0.0.1'), 'listening');

const { port } = server.address();
for (let number = 1; number <= 20; number++) {
  await (await fetch(`http://127.0.0.1:${port}/${number}`)).text();
}
server.close();
server.closeAllConnections();

const { counters } = sonde.status();
console.log(
  `\nTraces kept: ${counters['tail.kept.error']}. Left out: ${counters['tail.sampled_out.spans']} spans,`,
);
console.log(`${counters['tail.sampled_out.logs']} debug lines of orders that went well.`);
await sonde.shutdown();
