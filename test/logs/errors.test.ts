import vm from 'node:vm';
import { expect } from 'chai';
import { toReadableLog } from '../../exporters/otlp/log-record.ts';
import { describeError, isError, stackText } from '../../src/logs/error-shape.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { useRedaction } from '../../src/processing/redact.ts';
import { recordWith } from './captured.ts';

const format = jsonFormat();
const lineOf = (error: unknown): Record<string, any> => JSON.parse(format(recordWith({ error })));

class PaymentRefused extends Error {}

describe('errors (A33)', () => {
  it('are told by class, message, code and stack', () => {
    const error = Object.assign(new PaymentRefused('no money'), { code: 'E_REFUSED' });
    expect(lineOf(error)).to.include({
      'error.type': 'PaymentRefused',
      'error.message': 'no money',
      'error.code': 'E_REFUSED',
      'error.stack': error.stack,
    });
  });

  it('bring their causes: in words under the stack, as data beside it', () => {
    const root = Object.assign(new TypeError('socket closed'), { code: 'ECONNRESET' });
    const error = new Error('query failed', { cause: new PaymentRefused('no rows', { cause: root }) });
    const line = lineOf(error);
    expect(line['error.stack'].match(/^(?:caused by: )?\w+: .*$/gm)).to.eql([
      'Error: query failed',
      'caused by: Error: no rows',
      'caused by: TypeError: socket closed',
    ]);
    expect(line['error.cause']).to.eql({
      type: 'PaymentRefused',
      message: 'no rows',
      cause: { type: 'TypeError', message: 'socket closed', code: 'ECONNRESET' },
    });
  });

  it('are told alike each time, and by the rules of redaction that hold then', () => {
    const error = new Error('the card of Mrs. Muller');
    const plain = lineOf(error)['error.stack'];
    expect(lineOf(error)['error.stack']).to.equal(plain);
    useRedaction({ patterns: [/Muller/] });
    try {
      expect(lineOf(error)['error.stack']).to.equal(plain.replace('Muller', '[REDACTED]'));
    } finally {
      useRedaction({});
    }
    expect(lineOf(error)['error.stack']).to.equal(plain);
  });

  it('bring the errors of an AggregateError', () => {
    const line = lineOf(new AggregateError([new TypeError('a'), 'b'], 'all failed'));
    expect(line['error.type']).to.equal('AggregateError');
    expect(line['error.errors']).to.eql([
      { type: 'TypeError', message: 'a' },
      { type: 'string', message: 'b' },
    ]);
    expect(line['error.stack']).to.contain('[1 of 2] TypeError: a').and.contain('[2 of 2] string: b');
  });

  it('end where a chain circles, is very long or very wide', () => {
    const a = new Error('a');
    a.cause = new Error('b', { cause: a });
    expect(lineOf(a)['error.cause'].cause.type).to.equal('circular');
    let chain = new Error('0');
    for (let i = 1; i < 1000; i++) chain = new Error(String(i), { cause: chain });
    expect(format(recordWith({ error: chain })).length).to.be.below(100_000);
    const wide = new AggregateError(Array.from({ length: 1000 }, () => new Error('x')));
    expect(lineOf(wide)['error.errors']).to.have.length(20);
    wide.errors.unshift(wide);
    expect(lineOf(wide)['error.errors'][0].type).to.equal('circular');
  });

  it('need not be errors', () => {
    const cases: [unknown, string, string][] = [
      ['text', 'string', 'text'],
      [42, 'number', '42'],
      [null, 'null', 'null'],
      [Symbol('s'), 'symbol', 'Symbol(s)'],
      [{ message: 'like one' }, 'Object', 'like one'],
      [{ a: 1, password: 'hunter22' }, 'Object', '{"a":1,"password":"[REDACTED]"}'],
      [{}, 'Object', 'a thrown Object'],
      [Object.create(null), 'Object', 'a value without text'],
    ];
    for (const [thrown, type, message] of cases) expect(describeError(thrown)).to.include({ type, message });
  });

  it('may lie: getters that throw, messages that are none, stacks that are numbers', () => {
    const bad = new Error('x');
    for (const name of ['message', 'stack', 'cause', 'code', 'name', 'constructor']) {
      Object.defineProperty(bad, name, {
        get() {
          throw new Error('no');
        },
      });
    }
    expect(describeError(bad)).to.include({ type: 'Object', message: '' });
    const odd = Object.assign(new Error('x'), {
      stack: 7,
      message: {
        toString() {
          throw new Error('no');
        },
      },
    });
    expect(describeError(odd)).to.include({ stack: undefined, message: 'a value without text' });
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {});
    revoke();
    expect(describeError(proxy)).to.include({ type: 'Object' });
    expect(isError(proxy)).to.equal(false);
  });

  it('of another realm and of DOM kind are errors with their own names', () => {
    const foreign: unknown = vm.runInNewContext('new RangeError("far")');
    expect(isError(foreign)).to.equal(true);
    expect(describeError(foreign)).to.include({ type: 'RangeError', message: 'far' });
    expect(describeError(new DOMException('gone', 'AbortError')).type).to.equal('AbortError');
    const named = Object.assign(new Error('x'), { name: 'NotFound' });
    expect(describeError(named).type).to.equal('NotFound');
  });

  it('are written whole where they are a field, and as words without a stack', () => {
    const line = JSON.parse(
      format(recordWith({ fields: { first: new TypeError('a'), list: [new Error('b')] } })),
    );
    expect(line.first).to.include({ type: 'TypeError', message: 'a' });
    expect(line.list[0].stack).to.contain('errors.test.ts');
    const bare = new Error('x', { cause: 'why' });
    bare.stack = undefined;
    expect(stackText(describeError(bare))).to.equal('Error: x\ncaused by: string: why');
  });
});

describe('errors in OTLP', () => {
  const sent = (error: unknown): Record<string, unknown> =>
    toReadableLog(recordWith({ error }), { resource: { attributes: {} } }).attributes as never;

  it('have stack, causes and class as exception.*, the same as in the line (A33)', () => {
    const cause = new TypeError('no rows');
    const errors = [
      new PaymentRefused('no money', { cause }),
      new AggregateError([cause, 'text'], 'all failed'),
      Object.assign(new Error('named'), { name: 'CustomName' }),
      Object.defineProperty(new Error('sly'), 'stack', { get: () => boom() }),
      'just text',
      { code: 7 },
      null,
    ];
    for (const error of errors) {
      const line = lineOf(error);
      const attributes = sent(error);
      expect(attributes['exception.type']).to.equal(line['error.type']);
      expect(attributes['exception.message']).to.equal(line['error.message']);
      expect(attributes['exception.stacktrace']).to.equal(line['error.stack']);
      expect(attributes['error.fingerprint']).to.equal(line['error.fingerprint']);
    }
    expect(sent(errors[0])['exception.stacktrace']).to.contain('caused by: TypeError: no rows\n    at ');
  });
});

function boom(): never {
  throw new Error('no');
}
