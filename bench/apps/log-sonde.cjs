'use strict';
const { getLogger } = require('sonde');
const { fields, failure } = require('./records.cjs');
const loop = require('./loop.cjs');

const log = getLogger('shop.orders');
const write = failure
  ? (at) => log.error('order created', failure, fields(at))
  : (at) => log.info('order created', fields(at));
loop(write, { pace: Number(process.env.BENCH_PACE) });
