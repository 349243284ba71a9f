'use strict';
/** The records that every logger writes: a message, a number that changes, and what belongs to it. */
const failure = new Error('card refused');

const fields = {
  small: (at) => ({ orderId: at, total: 99.5, currency: 'EUR' }),
  request: (at) => ({
    method: 'GET',
    path: '/api/orders/12345',
    status: 200,
    durationMs: 12.5,
    bytes: 5120,
    referrer: 'https://shop.example/checkout',
    user: { id: at, plan: 'gold', tags: ['a', 'b'] },
    agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)',
  }),
  error: (at) => ({ orderId: at }),
};

const kind = process.argv[2];
module.exports = { fields: fields[kind], failure: kind === 'error' ? failure : undefined };
