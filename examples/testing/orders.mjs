import { counter, getLogger, withSpan } from 'sonde';

const log = getLogger('shop.orders');
const read = counter('orders.read');

/** An order as it would come from the database. */
function load(id) {
  return withSpan('load order', { 'order.id': id }, async () => ({ id, total: '149.99' }));
}

/** A request listener; an app of Express, Fastify, Koa or Hono is tested the same way. */
export async function app(request, response) {
  const [, folder, id] = request.url.split('/');
  response.setHeader('content-type', 'application/json');
  if (folder === 'readyz') return response.end('{"status":"ready"}');
  if (folder !== 'orders' || !/^\d+$/.test(id)) {
    log.warn('no such order', { id });
    response.statusCode = 404;
    return response.end('{}');
  }
  const order = await load(Number(id));
  read.add(1);
  log.info('order read', { id: order.id });
  response.end(JSON.stringify(order));
}
