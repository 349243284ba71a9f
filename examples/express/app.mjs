/**
 * What Express gets by the preload alone: one access line a request, with its route, its user and what it did; an error
 * told once, although the route logs it and throws it on; a logger and the correlation id on every request.
 *
 *     node --import sonde/register app.mjs
 */
import express from 'express';
import { annotate, security } from 'sonde';

const app = express();

app.use((request, _response, next) => {
  request.user = { id: 42, email: 'ann@example.com' };
  next();
});

const orders = express.Router();
orders.get('/:id', (request, response) => {
  request.log.info('order looked up', { orderId: request.params.id });
  annotate({ 'cart.items': 3 });
  response.json({ correlationId: request.correlationId });
});
app.use('/shops/:shop/orders', orders);

app.get('/broken', (request) => {
  const error = new Error('the till is jammed');
  request.log.error('order failed', error);
  throw error;
});

app.get('/admin', (request, response) => {
  security('permission_denied', { path: request.path });
  response.status(403).end();
});

app.set('env', 'test'); // Express itself would print the error once more.

const server = app.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  for (const path of ['/shops/7/orders/42?token=hunter2', '/broken', '/admin', '/nothing']) {
    await fetch(base + path, { headers: { 'X-Correlation-ID': 'visit-1' } });
  }
  server.close();
});
