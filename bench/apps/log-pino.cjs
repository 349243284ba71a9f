'use strict';
const pino = require('pino');
const loop = require('./loop.cjs');

const log = pino();
loop((orderId) => log.info({ orderId, total: 99.5, currency: 'EUR' }, 'order created'), {
  pace: Number(process.env.BENCH_PACE),
});
