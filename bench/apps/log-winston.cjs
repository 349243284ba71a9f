'use strict';
const { createLogger, format, transports } = require('winston');
const loop = require('./loop.cjs');

const log = createLogger({
  format: format.combine(format.timestamp(), format.json()),
  transports: [new transports.Console()],
});
loop((orderId) => log.info('order created', { orderId, total: 99.5, currency: 'EUR' }));
