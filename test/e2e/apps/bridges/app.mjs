// One Express app, three ways of logging, one request: what a team finds in a service that has grown.
import http from 'node:http';
import express from 'express';
import pino from 'pino';
import { createLogger, format, transports } from 'winston';

const orders = pino({ name: 'shop.orders' });
const billing = createLogger({
  defaultMeta: { service: 'shop.billing' },
  format: format.json(),
  transports: [new transports.Console()],
});

const app = express();
app.get('/order/:id', (req, res) => {
  orders.info({ orderId: Number(req.params.id) }, 'order created');
  billing.warn('charge refused', { err: new RangeError('no funds') });
  console.log('order %s is done', req.params.id);
  res.end('ok');
});

const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const headers = { 'x-correlation-id': 'order-7' };
  http.get({ port, host: '127.0.0.1', path: '/order/7', headers }, (response) => {
    response.resume().on('end', () => server.close());
  });
});
