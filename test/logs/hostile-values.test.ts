import { expect } from 'chai';
import { lineFormat } from '../../src/logs/format.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { logfmtFormat } from '../../src/logs/logfmt-format.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { prettyFormat } from '../../src/logs/pretty-format.ts';
import { captured, presetNames, recordWith } from './captured.ts';

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function thrower(): never {
  throw new Error('no');
}

function deep(levels: number): object {
  let value: object = {};
  for (let i = 0; i < levels; i++) value = { in: value };
  return value;
}

function circular(): object {
  const value: Record<string, unknown> = { name: 'x' };
  value.self = value;
  return value;
}

const sparse: unknown[] = [];
sparse.length = 1e8;
const symbolNamed = Object.defineProperty(() => 1, 'name', { value: Symbol('s') });

/** What is given, and what the JSON line says of it. */
const hostile: Record<string, [value: unknown, told?: unknown]> = {
  'a circle': [circular(), { name: 'x', self: '[circular]' }],
  'a BigInt': [2n ** 64n, '18446744073709551616'],
  'a BigInt of a million bits': [1n << 1_000_000n, '[bigint of more than 1024 bits]'],
  'a Symbol': [Symbol('s'), 'Symbol(s)'],
  'a function': [thrower, '[function thrower]'],
  'a function named by a symbol': [symbolNamed, '[function Symbol(s)]'],
  'NaN and the infinities': [
    [Number.NaN, Infinity, -Infinity],
    ['NaN', 'Infinity', '-Infinity'],
  ],
  'undefined in a list': [
    [undefined, 1],
    [null, 1],
  ],
  'a getter that throws': [
    {
      get a() {
        return thrower();
      },
      b: 1,
    },
    { a: '[unreadable]', b: 1 },
  ],
  'a revoked Proxy': [revoked(), '[unreadable]'],
  'a Proxy that throws at everything': [
    new Proxy({}, { get: thrower, ownKeys: thrower, getPrototypeOf: thrower }),
  ],
  'toJSON that throws': [{ toJSON: thrower }, '[toJSON threw]'],
  'toJSON that gives itself': [
    {
      a: 1,
      toJSON() {
        return this;
      },
    },
  ],
  'toJSON that never ends': [
    {
      toJSON() {
        return { toJSON: thrower, a: 1 };
      },
    },
  ],
  'a null prototype': [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  'a Map': [new Map([['a', 1]]), { a: 1 }],
  'a Map of objects': [new Map([[{ k: 1 }, 2]]), [[{ k: 1 }, 2]]],
  'a Set': [new Set([1, 'b']), [1, 'b']],
  'a Date': [new Date(0), '1970-01-01T00:00:00.000Z'],
  'a Date that is none': [new Date(Number.NaN), null],
  'a RegExp': [/a"b/g, '/a"b/g'],
  'a URL': [new URL('http://x/y'), 'http://x/y'],
  'a Promise': [Promise.resolve(1), '[promise]'],
  'a boxed value': [Object('text'), 'text'],
  'a Buffer': [Buffer.from('hello'), '[5 bytes] 68656c6c6f'],
  'a list of floats': [new Float64Array([1.5, 2]), [1.5, 2]],
  'a list of BigInts': [new BigInt64Array([1n]), ['1']],
  'a class': [
    new (class Money {
      amount = 1;
      #secret = 2;
      read() {
        return this.#secret;
      }
    })(),
    { amount: 1 },
  ],
  '__proto__ as data': [JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":1}}')],
  '100,000 levels': [deep(100_000)],
  'a megabyte of text': ['x'.repeat(1_048_576)],
  'a megabyte of quotes': ['"'.repeat(1_048_576)],
  'a million elements': [new Array(1_000_000).fill('x')],
  'a hundred million holes': [sparse],
  'a megabyte of bytes': [new Float64Array(131_072)],
  'lone surrogates': ['a\ud800b', 'a\ufffdb'],
  'terminal commands': ['\u001b[31m\u009b31m\u007f', '\u001b[31m\u009b31m\u007f'],
  'line ends': ['a\nb\r\nc\u2028d\u2029e', 'a\nb\r\nc\u2028d\u2029e'],
};

const formats = {
  json: jsonFormat(),
  logfmt: logfmtFormat(),
  pretty: prettyFormat({ colors: false }),
};
const presets = Object.fromEntries(presetNames.map((name) => [name, lineFormat(name, false)]));

describe('values that cannot be serialised', () => {
  for (const [name, [value, told]] of Object.entries(hostile)) {
    it(`${name}: never throws, spoils no neighbour, stays one line`, () => {
      const fields = { before: 1, value, after: 2 };
      const line = JSON.parse(formats.json(recordWith({ fields }))) as Record<string, unknown>;
      expect(line).to.include({ before: 1, after: 2 });
      if (told !== undefined) expect(line.value).to.eql(told);
      for (const [kind, format] of Object.entries({ ...formats, ...presets })) {
        const text = format(recordWith({ fields, message: String(typeof value === 'string' ? value : 'x') }));
        expect(text, kind).to.not.match(/[\p{Cc}\u2028\u2029]/u);
        expect(text.length, kind).to.be.below(1_500_000);
        expect(text, kind).to.match(/after/);
        if (kind in presets) expect(JSON.parse(text), kind).to.be.an('object');
      }
    });

    it(`${name}: as message, first argument, thrown value, bound field and printf value`, () => {
      const log = getLogger('hostile') as unknown as Record<string, (...args: unknown[]) => any>;
      const records = captured(() => {
        log.info!(value);
        log.info!('x', value);
        log.info!('x {value}', { value });
        log.info!('%s %d %j %o', value, value, value, value);
        log.exception!(value);
        log.exception!(value, 'x');
        log.error!('x', { err: value });
        log.with!({ value }).info('x');
        log.with!(value).info('x');
        log.event!(value, value);
        log.log!(value, value);
        log.info!(() => value);
        log.info!('x', () => value);
        log.isEnabled!(value);
      });
      expect(records).to.have.length(13);
      for (const record of records) JSON.parse(formats.json(record));
      for (const record of records) expect(formats.pretty(record)).to.be.a('string');
      for (const record of records) expect(formats.logfmt(record)).to.be.a('string');
      for (const format of Object.values(presets)) for (const record of records) JSON.parse(format(record));
    });
  }

  it('cuts a string at 65,536 characters and says how much is missing', () => {
    const line = JSON.parse(formats.json(recordWith({ fields: { text: 'x'.repeat(70_000) } })));
    expect(line.text).to.equal(`${'x'.repeat(65_536)}[cut 4464]`);
  });

  it('comes to an end when a value logs while it is being logged', () => {
    const log = getLogger('hostile.loop');
    let depth = 0;
    const value = {
      toJSON: () => {
        if (++depth < 1000) log.info('again', { value });
        return depth;
      },
    };
    captured(() => log.info('first', { value }));
    expect(formats.json(recordWith({ fields: { value } }))).to.contain('order created');
  });
});
