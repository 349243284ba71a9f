'use strict';
const pino = require('pino');
const { fields, failure } = require('./records.cjs');
const loop = require('./loop.cjs');

// `pino()` alone keeps its lines until the loop rests: what Sonde does is writing each at once.
const log = pino(pino.destination({ fd: 1, sync: process.env.BENCH_ASYNC !== 'yes' }));
const write = failure
  ? (at) => log.error({ err: failure, ...fields(at) }, 'order created')
  : (at) => log.info(fields(at), 'order created');
loop(write, { pace: Number(process.env.BENCH_PACE) });
