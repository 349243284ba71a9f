// Values that throw, never end, or are not what they seem; by what is wrong with them.
const fail = () => {
  throw new Error('hostile');
};
const trap = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, fail]));

function circular() {
  const value = { name: 'circular', list: [] };
  value.self = value;
  value.list.push(value);
  return value;
}

function deep() {
  let value = { end: true };
  for (let i = 0; i < 10_000; i++) value = { value };
  return value;
}

function revoked() {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function hostileError() {
  const error = new Error('hostile');
  error.cause = error;
  for (const name of ['message', 'stack', 'name', 'code']) Object.defineProperty(error, name, { get: fail });
  return error;
}

const values = {
  circular: circular(),
  deep: deep(),
  bigint: 2n ** 80n,
  symbol: Symbol('hostile'),
  'throwing getter': Object.defineProperty({ fine: 1 }, 'bad', { enumerable: true, get: fail }),
  'throwing proxy': new Proxy({}, trap),
  'throwing callable proxy': new Proxy(() => {}, { ...trap, apply: undefined }),
  'revoked proxy': revoked(),
  '1 MB text': 'x'.repeat(1_000_000),
  'half a surrogate pair': 'a\ud800b\udc00',
  'control characters': '\u0000\u0007\u001b[31m\r\n\u2028\u2029',
  'not a number': Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  'negative zero': -0,
  'beyond 53 bits': 2 ** 60,
  function: function hostile() {},
  class: class Hostile {},
  map: new Map([[{}, circular()]]),
  set: new Set([circular()]),
  'invalid date': new Date(Number.NaN),
  'no prototype': Object.assign(Object.create(null), { fine: 1 }),
  'throwing toJSON': { toJSON: fail },
  'throwing toString': { toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail },
  'throwing then': Object.defineProperty({}, 'then', { enumerable: true, get: fail }),
  'throwing iterator': { [Symbol.iterator]: fail },
  bytes: Buffer.alloc(100_000, 1),
  'typed array': new Float64Array([Number.NaN, 1]),
  'sparse array': Object.assign([], { length: 1_000_000 }),
  'mixed array': [1, 'two', null, undefined, { three: 3 }, Symbol('four')],
  'array of arrays': Array.from({ length: 300 }, () => Array.from({ length: 300 }, () => 1)),
  'many keys': Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, i])),
  'hostile keys': {
    '': 1,
    '\n': 2,
    '\ud800': 3,
    [`k${'x'.repeat(100_000)}`]: 4,
    trace_id: 'forged',
    'error.type': 5,
  },
  'prototype keys': JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"hasOwnProperty":2}'),
  'hostile error': hostileError(),
  'error of no class': Object.assign(Object.create(Error.prototype), { stack: 7 }),
  'aggregate of itself': (() => {
    const error = new AggregateError([], 'all');
    error.errors.push(error, undefined, Symbol('one'));
    return error;
  })(),
  promise: Promise.resolve(1),
  'weak map': new WeakMap(),
  'regular expression': /a/g,
  'boxed number': Object(1),
  'boxed symbol': Object(Symbol('boxed')),
  global: globalThis,
  null: null,
  undefined: undefined,
  'empty text': '',
};

module.exports = { values };
