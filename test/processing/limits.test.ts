import { expect } from 'chai';
import { safeMember, safeText, safeValue, toAnyValue, valueLimits } from '../../src/processing/limits.ts';

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(safeValue(value)) ?? 'null');
}

describe('a safe value', () => {
  it('keeps what is plain as it is', () => {
    const value = { a: 'text', b: 1.5, c: true, d: null, e: [1, ['x']], f: { g: {} } };
    expect(plain(value)).to.deep.equal(value);
  });

  it('gives each kind of value its one form', () => {
    class Order {
      id = 7;
      get total(): number {
        return 1;
      }
    }
    const forms: [given: unknown, form: unknown][] = [
      [10n ** 20n, '100000000000000000000'],
      [Symbol('sort'), 'sort'],
      [Symbol(), ''],
      [function pay() {}, '[Function pay]'],
      [() => 1, '[Function anonymous]'],
      [new Date(0), '1970-01-01T00:00:00.000Z'],
      [new Date(Number.NaN), 'Invalid Date'],
      [/a+/g, '/a+/g'],
      [
        new Map<unknown, unknown>([
          ['a', 1],
          [2, new Set([3])],
        ]),
        { a: 1, 2: [3] },
      ],
      [new Order(), { id: 7 }],
      [Object(5), 5],
      [Object(Symbol('s')), 's'],
      [undefined, null],
      [
        [undefined, 1],
        [null, 1],
      ],
      [{ a: undefined, b: 1 }, { b: 1 }],
      [new URL('http://a/b'), 'http://a/b'],
      [{ toJSON: () => ({ short: 1 }) }, { short: 1 }],
      [Promise.resolve(), '[Promise]'],
      [Buffer.from('hey'), 'aGV5'],
      [new Float64Array([1.5]), [1.5]],
      [2n ** 10_000_000n, '[BigInt]'],
    ];
    for (const [given, form] of forms) expect(plain(given), String(form)).to.deep.equal(form);
  });

  it('leaves the neighbours of a hostile member as they are', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const circle: Record<string, unknown> = { name: 'circle' };
    circle.self = circle;
    const given = {
      before: 1,
      get broken() {
        throw new Error('no');
      },
      get worse() {
        throw {
          toString: () => {
            throw new Error('never');
          },
        };
      },
      revoked: revoked.proxy,
      trap: new Proxy(
        {},
        {
          ownKeys: () => {
            throw new TypeError('trap');
          },
        },
      ),
      json: {
        toJSON: () => {
          throw new Error('json');
        },
      },
      circle,
      after: 2,
    };
    const safe = plain(given) as Record<string, unknown>;
    expect(safe).to.include({
      before: 1,
      after: 2,
      broken: '[Threw: no]',
      json: '[Threw: json]',
      trap: '[Threw: trap]',
    });
    expect(safe.worse).to.equal('[Threw: something unprintable]');
    expect(safe.revoked).to.match(/^\[Threw: /);
    expect(safe.circle).to.deep.equal({ name: 'circle', self: '[Circular]' });
  });

  it('shows an object twice where it stands twice without a cycle', () => {
    const shared = { a: 1 };
    expect(plain([shared, shared])).to.deep.equal([shared, shared]);
  });

  it('carries an error with its cause', () => {
    const safe = safeValue(new TypeError('outer', { cause: new Error('inner') })) as any;
    expect(safe).to.include({ type: 'TypeError', message: 'outer' });
    expect(safe.stack).to.match(/^TypeError: outer\n/);
    expect(safe.cause.message).to.equal('inner');
  });

  it('ends at the limits, whatever the size of the value', () => {
    let deep: object = {};
    for (let i = 0; i < 100_000; i++) deep = { deep };
    expect(JSON.stringify(safeValue(deep))).to.match(/^(\{"deep":){8}"\[Object\]"\}{8}$/);
    const sparse = new Array(100_000_000);
    expect((safeValue(sparse) as unknown[]).length).to.equal(valueLimits.items + 1);
    const wide = Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 'x'));
    expect(JSON.stringify(safeValue(wide)).length).to.be.below(10_000);
    expect((safeValue('x'.repeat(1_000_000)) as string).length).to.equal(65_536);
    const texts = Array.from({ length: 100 }, () => 'x'.repeat(65_536));
    expect(JSON.stringify(safeValue(texts)).length).to.be.below(5 * 65_536);
  });

  it('is well-formed text, never cut within a pair', () => {
    expect(safeText('a\ud800b')).to.equal('a\ufffdb');
    expect(safeText('ab\u{1f600}', 3)).to.equal('ab');
    expect(safeText('ab\u{1f600}', 4)).to.equal('ab\u{1f600}');
  });

  it('keeps `__proto__` and `constructor` as data', () => {
    const safe = safeValue(JSON.parse('{"__proto__":{"polluted":1},"constructor":2}')) as object;
    expect(Object.keys(safe)).to.deep.equal(['__proto__', 'constructor']);
    expect(({} as any).polluted).to.equal(undefined);
  });

  it('keeps bytes for OTLP, and tells a missing member from a null', () => {
    expect(toAnyValue(Buffer.from('hey'))).to.deep.equal(Uint8Array.from([104, 101, 121]));
    expect(safeMember({ a: null }, 'a')).to.equal(null);
    expect(safeMember({}, 'a')).to.equal(undefined);
  });
});
