const http = require('node:http');
const express = require('express');
const pino = require('pino');
const { createLogger, format, transports } = require('winston');

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
