'use strict';
const { getLogger } = require('sonde');
const loop = require('./loop.cjs');

const log = getLogger('shop.orders');
loop((orderId) => log.info('order created', { orderId, total: 99.5, currency: 'EUR' }), {
  pace: Number(process.env.BENCH_PACE),
});
