'use strict';
const { Redis } = require('ioredis');
const calls = require('./calls.cjs');

const redis = new Redis({ host: '127.0.0.1' });
const key = 'sonde-bench';
redis.set(key, 'x'.repeat(100), 'EX', 600).then(() =>
  calls(async () => {
    if ((await redis.get(key))?.length !== 100) throw new Error('no value');
  }),
);
