'use strict';
const { dictConfig, getLogger } = require('sonde');
const { fields, failure } = require('./records.cjs');
const loop = require('./loop.cjs');

const { BENCH_BUFFERED: path } = process.env;
if (path !== undefined) {
  // Without a limit the file never rotates: what is compared does not either.
  const file = { type: 'file', path, maxBytes: 0, buffered: true };
  dictConfig({ version: 1, handlers: { file }, root: { level: 'INFO', handlers: ['file'] } });
}

const log = getLogger('shop.orders');
const write = failure
  ? (at) => log.error('order created', failure, fields(at))
  : (at) => log.info('order created', fields(at));
loop(write, { pace: Number(process.env.BENCH_PACE) });
