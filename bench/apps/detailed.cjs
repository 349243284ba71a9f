'use strict';
/** A request with work in it: three spans of the app's own, and four debug lines that its level drops. */
const http = require('node:http');
const { getLogger, withSpan } = require('sonde');
const serve = require('./serve.cjs');

const log = getLogger('bench.orders');

async function order() {
  log.debug('order received', { items: 3 });
  const cart = await withSpan('load cart', { 'cart.id': 7 }, async () => ({ items: 3 }));
  log.debug('cart loaded', cart);
  await withSpan('reserve', { 'cart.items': cart.items }, async () => log.debug('reserved', { left: 12 }));
  await withSpan('charge', { 'order.cents': 690 }, async () => log.debug('charged', { cents: 690 }));
  return { paid: true };
}

serve(
  http.createServer((_request, response) => {
    order().then((answer) => {
      const body = JSON.stringify(answer);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
      response.end(body);
    });
  }),
);
