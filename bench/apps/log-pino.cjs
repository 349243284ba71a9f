'use strict';
const pino = require('pino');
const { fields, failure } = require('./records.cjs');
const loop = require('./loop.cjs');

const log = pino();
const write = failure
  ? (at) => log.error({ err: failure, ...fields(at) }, 'order created')
  : (at) => log.info(fields(at), 'order created');
loop(write, { pace: Number(process.env.BENCH_PACE) });
