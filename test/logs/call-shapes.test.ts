import { expect } from 'chai';
import { getLogger, type Logger } from '../../src/logs/logger.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { captured } from './captured.ts';

const log = getLogger('shapes');
const boom = new TypeError('boom');

function one(call: (log: Logger) => void): LogRecord {
  const records = captured(() => call(log));
  expect(records).to.have.length(1);
  return records[0]!;
}

function shape(call: (log: Logger) => void): unknown[] {
  const { message, fields, error } = one(call);
  return [message, fields, error];
}

describe('call shapes', () => {
  it('(msg)', () => expect(shape((l) => l.info('hi'))).to.eql(['hi', undefined, undefined]));
  it('(msg, fields)', () => expect(shape((l) => l.info('hi', { a: 1 }))).to.eql(['hi', { a: 1 }, undefined]));
  it('(msg, err)', () => expect(shape((l) => l.error('bad', boom))).to.eql(['bad', undefined, boom]));
  it('(msg, err, fields)', () =>
    expect(shape((l) => l.error('bad', boom, { a: 1 }))).to.eql(['bad', { a: 1 }, boom]));
  it('(msg, fields, err)', () =>
    expect(shape((l) => l.error('bad', { a: 1 }, boom))).to.eql(['bad', { a: 1 }, boom]));
  it('(err)', () => expect(shape((l) => l.error(boom))).to.eql(['boom', undefined, boom]));
  it('(err, msg)', () => expect(shape((l) => l.error(boom, 'bad'))).to.eql(['bad', undefined, boom]));
  it('(err, msg, fields)', () =>
    expect(shape((l) => l.error(boom, 'bad', { a: 1 }))).to.eql(['bad', { a: 1 }, boom]));
  it('(err, fields)', () => expect(shape((l) => l.error(boom, { a: 1 }))).to.eql(['boom', { a: 1 }, boom]));
  it('(fields, msg)', () => expect(shape((l) => l.info({ a: 1 }, 'hi'))).to.eql(['hi', { a: 1 }, undefined]));
  it('(fields, msg, ...values)', () =>
    expect(shape((l) => l.info({ a: 1 }, 'hi %s', 'you'))).to.eql(['hi you', { a: 1 }, undefined]));
  it('({ err }, msg)', () =>
    expect(shape((l) => l.error({ err: boom, a: 1 }, 'bad'))).to.eql(['bad', { a: 1 }, boom]));
  it('(msg, { err })', () =>
    expect(shape((l) => l.error('bad', { err: boom, a: 1 }))).to.eql(['bad', { a: 1 }, boom]));
  it('(msg, { error })', () =>
    expect(shape((l) => l.error('bad', { error: boom }))).to.eql(['bad', {}, boom]));
  it('(msg, { error: text }) keeps the field', () =>
    expect(shape((l) => l.error('bad', { error: 'text' }))).to.eql(['bad', { error: 'text' }, undefined]));
  it('(msg, { err: not an error }) is what was thrown', () =>
    expect(shape((l) => l.error('bad', { err: 'text' }))).to.eql(['bad', {}, 'text']));
  it('(fields)', () => expect(shape((l) => l.info({ a: 1 }))).to.eql(['', { a: 1 }, undefined]));
  it('(msg, undefined) and (msg, null) are (msg)', () => {
    expect(shape((l) => l.info('hi', undefined))).to.eql(['hi', undefined, undefined]);
    expect(shape((l) => l.info('hi', null))).to.eql(['hi', undefined, undefined]);
  });
  it('() and anything that is no text', () => {
    expect(one((l) => l.info(42)).message).to.equal('42');
    expect(one((l) => l.info(undefined)).message).to.equal('undefined');
    expect(one((l) => l.info(null)).message).to.equal('null');
    expect(one((l) => l.info([1, 'a'])).message).to.equal("[ 1, 'a' ]");
    expect(one((l) => (l.info as () => void)()).message).to.equal('');
  });

  describe('lazily built (A21)', () => {
    it('(msg, () => fields)', () =>
      expect(shape((l) => l.info('hi', () => ({ a: 1 })))).to.eql(['hi', { a: 1 }, undefined]));
    it('(msg, err, () => fields)', () =>
      expect(shape((l) => l.info('hi', boom, () => ({ a: 1 })))).to.eql(['hi', { a: 1 }, boom]));
    it('(() => msg)', () => expect(shape((l) => l.info(() => 'hi'))).to.eql(['hi', undefined, undefined]));
    it('(() => [msg, fields])', () =>
      expect(shape((l) => l.info(() => ['hi', { a: 1 }]))).to.eql(['hi', { a: 1 }, undefined]));
    it('one that throws costs its fields, not the record', () => {
      const lazy = (): never => {
        throw boom;
      };
      expect(shape((l) => l.info('hi', lazy))).to.eql(['hi', undefined, undefined]);
      expect(one((l) => l.info(lazy)).message).to.equal('undefined');
    });
  });

  describe('printf, as util.format has it (A21)', () => {
    const cases: [unknown[], string][] = [
      [['task_id=%s status=%s', 7, 'done'], 'task_id=7 status=done'],
      [['%d %i %f', '42.5', '42.5', '42.5'], '42.5 42 42.5'],
      [['%j %s', 'a', 'b'], '"a" b'],
      [['%j', { a: 1 }], '{"a":1}'],
      [['%o', [1]], '[ 1, [length]: 1 ]'],
      [['%O', { a: { b: 1 } }], '{ a: { b: 1 } }'],
      [['%c styled', 'color: red'], ' styled'],
      [['100%% of %s', 'it'], '100% of it'],
      [['%s', undefined], 'undefined'],
      [['%s and %s', 'one'], 'one and %s'],
      [['more', 1, true, 10n], 'more 1 true 10n'],
      [['%s', Symbol('s')], 'Symbol(s)'],
    ];
    for (const [args, text] of cases) {
      it(`${args.map(String).join(', ')} is ${text}`, () =>
        expect(one((l) => l.info(...(args as [string]))).message).to.equal(text));
    }
    it('leaves the message alone without values, and with fields', () => {
      expect(one((l) => l.info('100%% %s')).message).to.equal('100%% %s');
      expect(shape((l) => l.info('50%only %s', { a: 1 }))).to.eql(['50%only %s', { a: 1 }, undefined]);
    });
    it('takes fields and an error behind the values', () => {
      expect(shape((l) => l.info('%s failed', 'job', { a: 1 }))).to.eql(['job failed', { a: 1 }, undefined]);
      expect(shape((l) => l.info('%s failed', 'job', boom))).to.eql(['job failed', undefined, boom]);
      expect(shape((l) => l.info('%s failed', 'job', boom, { a: 1 }))).to.eql(['job failed', { a: 1 }, boom]);
      expect(shape((l) => l.info('failed: %s', boom))).to.eql(['failed: TypeError: boom', undefined, boom]);
    });
    it('tells what kept a value from being printed', () => {
      const bad = {
        toJSON: () => {
          throw boom;
        },
      };
      expect(one((l) => l.info('%j', bad)).message).to.equal('"[toJSON threw]"');
    });
  });

  describe('templates (A21)', () => {
    it('are filled from the fields', () =>
      expect(
        one((l) => l.info('task {task_id} is {status}', { task_id: 7, status: 'done' })).message,
      ).to.equal('task 7 is done'));
    it('reach into fields, fall back to bound ones, and leave unknown names', () => {
      const bound = log.with({ tenant: 'acme' });
      const [record] = captured(() =>
        bound.info('{tenant}: {user.id} {nobody} {a b} {}', { user: { id: 4 } }),
      );
      expect(record?.message).to.equal('acme: 4 {nobody} {a b} {}');
    });
    it('never reach what is not the fields own', () =>
      expect(one((l) => l.info('{constructor} {toString} {__proto__.x}', { a: 1 })).message).to.equal(
        '{constructor} {toString} {__proto__.x}',
      ));
    it('say objects as JSON and errors in words', () =>
      expect(one((l) => l.info('{o} {e}', { o: { a: [1] }, e: boom })).message).to.equal(
        '{"a":[1]} TypeError: boom',
      ));
  });

  describe("Python's arguments (A71)", () => {
    it('a lone extra is the fields', () => {
      expect(shape((l) => l.info('hi', { extra: { order_id: 1 } }))).to.eql([
        'hi',
        { order_id: 1 },
        undefined,
      ]);
      expect(shape((l) => l.info('hi', { extra: { a: 1 }, b: 2 }))).to.eql([
        'hi',
        { extra: { a: 1 }, b: 2 },
        undefined,
      ]);
      expect(shape((l) => l.info('hi', { extra: 'text' }))).to.eql(['hi', { extra: 'text' }, undefined]);
    });
    it('exc_info is the error, beside extra too; true has nothing to tell', () => {
      expect(shape((l) => l.error('bad', { exc_info: boom, extra: { a: 1 } }))).to.eql([
        'bad',
        { a: 1 },
        boom,
      ]);
      expect(shape((l) => l.error('bad', { exc_info: true, a: 1 }))).to.eql(['bad', { a: 1 }, undefined]);
    });
    it('stack_info adds the stack of the call, from its first line on', () => {
      const { fields } = one((l) => l.info('hi', { stack_info: true, stacklevel: 2, a: 1 }));
      expect(Object.keys(fields ?? {})).to.eql(['a', 'code.stacktrace']);
      expect(String(fields?.['code.stacktrace']).split('\n')[0]).to.contain('call-shapes.test.ts');
    });
    it("S1's snippets give order_id at top level", () => {
      expect(one((l) => l.info('Order created', { extra: { order_id: 1042 } })).fields).to.eql({
        order_id: 1042,
      });
      expect(one((l) => l.info('order %s created', 1042, { order_id: 1042 })).fields).to.eql({
        order_id: 1042,
      });
      expect(one((l) => l.exception(boom, 'failed', { extra: { order_id: 1042 } })).fields).to.eql({
        order_id: 1042,
      });
    });
  });
});
