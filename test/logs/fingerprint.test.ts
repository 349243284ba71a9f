import vm from 'node:vm';
import { expect } from 'chai';
import { toReadableLog } from '../../exporters/otlp/log-record.ts';
import { fingerprintOf } from '../../src/logs/fingerprint.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { logfmtFormat } from '../../src/logs/logfmt-format.ts';
import { recordWith } from './captured.ts';

class OrderMissing extends Error {
  readonly orderId: number;
  constructor(orderId: number, cause?: unknown) {
    super(`order ${orderId} is missing`, { cause });
    this.orderId = orderId;
  }
}

function caught(fn: () => unknown): any {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const find = (id: number, cause?: unknown): never => {
  throw new OrderMissing(id, cause);
};
const distinct = (errors: readonly unknown[]): number => new Set(errors.map(fingerprintOf)).size;

/** An error as it comes from a process elsewhere. */
function withStack(lines: readonly string[], message = 'x', parts: object = {}): Error {
  const stack = [`Error: ${message}`, ...lines.map((line) => `    at ${line}`)].join('\n');
  return Object.assign(new Error(message), parts, { stack });
}

describe('error.fingerprint (A61)', () => {
  it('is one for a throw site with differing ids, whoever calls it', () => {
    const errors = [1, 2, 3].map((id) => caught(() => find(id)));
    errors.push(caught(() => JSON.parse(String(caught(() => find(4)).orderId)) && find(5)));
    expect(fingerprintOf(errors[0])).to.match(/^[0-9a-f]{16}$/);
    expect(distinct(errors)).to.equal(1);
  });

  it('is two for one message from two throw sites, in one function too', () => {
    const pick = (first: boolean): never => {
      if (first) throw new Error('out of stock');
      throw new Error('out of stock');
    };
    expect(distinct([caught(() => pick(true)), caught(() => pick(false))])).to.equal(2);
  });

  it('differs by class and by code, not by a code that is an id', () => {
    const at = (code: unknown, type = Error): Error => Object.assign(new type('refused'), { code });
    const refused = ['ECONNREFUSED', 'ETIMEDOUT', '23505'].map((code) => at(code));
    expect(distinct(refused)).to.equal(3);
    expect(distinct(['order-1042', 'order-1043', 17, undefined].map((code) => at(code)))).to.equal(1);
    expect(distinct([Error, TypeError].map((type) => at(undefined, type as typeof Error)))).to.equal(2);
  });

  it('is that of the app where a package or Node throws, and tells by which function', () => {
    const app = 'checkout (/srv/shop/dist/checkout.js:10:5)';
    const pg = (version: string, line: number): string =>
      `Query.run (/srv/${version}/node_modules/pg/lib/query.js:${line}:3)`;
    expect(distinct([withStack([pg('a', 1), app]), withStack([pg('b', 2), app])])).to.equal(1);
    expect(distinct([withStack(['JSON.parse (<anonymous>)', app]), withStack([pg('a', 1), app])])).to.equal(
      2,
    );
    expect(distinct([withStack([pg('a', 1)]), withStack([pg('a', 9)])])).to.equal(1);
  });

  it('does not tell an awaited call, a file URL or a reloaded module from the plain one', () => {
    const forms = [
      'pay (/srv/shop/pay.js:10:5)',
      'async pay (/srv/shop/pay.js:10:5)',
      '/srv/shop/pay.js:10:5',
      'async file:///srv/shop/pay.js:10:5',
      'new Payment (/srv/shop/pay.js:10:5)',
      'pay (file:///srv/shop/pay.js:10:5)',
      'pay (file:///srv/shop/pay.js?t=1700000:10:5)',
      `pay (/srv/shop/pay.js:10:5)\n    at other (/srv/shop/other.js:1:1)`,
    ];
    expect(distinct(forms.map((form) => withStack([form])))).to.equal(1);
    const here = `${process.cwd()}/pay.js:10:5`;
    expect(distinct([withStack([`pay (${here})`]), withStack(['pay (pay.js:10:5)'])])).to.equal(1);
  });

  it('is not led astray by a message that quotes a stack', () => {
    const fails = (id: number): Error =>
      new Error(`remote said: Error\n    at job${id} (/remote/job.js:${id}:1)`);
    expect(distinct([fails(1), fails(2)])).to.equal(1);
  });

  it('takes the causes in, so that one wrapper does not make one of all errors', () => {
    const wrap = (cause: unknown): OrderMissing => caught(() => find(1, cause));
    const other = (): TypeError => new TypeError('boom');
    const causes = [1, 2].map((id) => caught(() => find(id)));
    expect(distinct(causes.map(wrap))).to.equal(1);
    expect(distinct([wrap(causes[0]), wrap(other()), wrap(undefined)])).to.equal(3);
    const all = (error: Error): AggregateError => new AggregateError([error], 'all failed');
    expect(distinct([causes[0], other()].map(all))).to.equal(2);
  });

  it('goes by the words without ids where there is no stack', () => {
    expect(distinct(['order 1042 of "Ann" is gone', 'order 7 of "Bob" is gone'])).to.equal(1);
    expect(distinct(['order 1042 is gone', 'order 1042 is late', 1042, null, undefined])).to.equal(5);
    expect(distinct([1, 2])).to.equal(1);
    expect(distinct([{ message: 'no 4bf92f35' }, { message: 'no 8c1ab200' }])).to.equal(1);
  });

  it('never throws and always ends', () => {
    const circle: any = new Error('a');
    circle.cause = circle;
    const hostile = new Proxy(new Error('x'), {
      get() {
        throw new Error('no');
      },
    });
    const long = withStack(
      Array.from({ length: 100_000 }, () => 'Foo.bar (node:net:1:1)'),
      'm'.repeat(1e6),
    );
    for (const thrown of [circle, hostile, long, Symbol('s'), 1n, Object.create(null), () => {}]) {
      expect(fingerprintOf(thrown)).to.match(/^[0-9a-f]{16}$/);
    }
    const foreign = vm.runInNewContext('[1, 2].map((id) => new Error("order " + id))');
    expect(distinct(foreign)).to.equal(1);
  });

  it('stands in the JSON line, in logfmt and among the OTLP attributes, and nobody forges it', () => {
    const error = caught(() => find(1));
    const record = recordWith({ error, fields: { 'error.fingerprint': 'mine' } });
    const wanted = fingerprintOf(error);
    expect(JSON.parse(jsonFormat()(record))).to.include({
      'error.fingerprint': wanted,
      'attributes.error.fingerprint': 'mine',
    });
    expect(logfmtFormat()(record)).to.contain(`error.fingerprint=${wanted}`);
    const sent = toReadableLog(record, { resource: { attributes: {} } });
    expect(sent?.attributes).to.include({ 'error.fingerprint': wanted });
    expect(JSON.parse(jsonFormat()(recordWith()))).not.to.have.property('error.fingerprint');
  });
});
