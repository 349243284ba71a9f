import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { runIn } from '../../src/context/context.ts';
import { withCorrelation } from '../../src/context/correlation.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { moduleName } from '../../src/logs/module-name.ts';
import { captured, run } from './captured.ts';

const log = getLogger('logger.test');

describe('the logger', () => {
  it('stamps a record with the ids and attributes of the context it is born in', () => {
    const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
    const unit = { id: 'req-1', requestId: undefined, attributes: { 'user.id': 4 } };
    const context = withCorrelation(trace.setSpanContext(ROOT_CONTEXT, span), unit);
    const [record] = captured(() => runIn(context, () => log.info('hi')));
    expect(record?.stamp).to.include({ ...span, correlationId: 'req-1' });
    expect(record?.stamp.attributes).to.eql({ 'user.id': 4 });
  });

  it('binds fields to a new logger and leaves the old one as it is (A25)', () => {
    const given = { user_id: 1, tenant: 'a' };
    const child = log.with(given);
    const grandchild = child.bind({ tenant: 'b' }).child({ endpoint: '/x' });
    given.user_id = 2;
    const records = captured(() => {
      log.info('a');
      child.info('b');
      grandchild.info('c', { call: 1 });
    });
    expect(records.map((record) => record.bound)).to.eql([
      undefined,
      { user_id: 1, tenant: 'a' },
      { user_id: 1, tenant: 'b', endpoint: '/x' },
    ]);
    expect(child.name).to.equal(log.name);
  });

  it('sets the OpenTelemetry event name of an event (A23)', () => {
    const [record] = captured(() => log.event('order_created', { order_id: 1042 }));
    expect(record).to.include({ eventName: 'order_created', message: 'order_created', level: 'INFO' });
    expect(record?.fields).to.eql({ order_id: 1042 });
    expect(captured(() => log.event('e', () => ({ a: 1 })))[0]?.fields).to.eql({ a: 1 });
    expect(captured(() => log.event('e'))[0]?.eventName).to.equal('e');
  });

  it('works when a method is taken off it', async () => {
    const { info, error } = log;
    const records = captured(() => info('detached'));
    expect(records[0]).to.include({ message: 'detached', logger: 'logger.test' });
    const failure = new Error('late');
    expect(captured(() => error(failure))[0]?.error).to.equal(failure);
  });

  it('allocates next to nothing for a disabled call (A21)', () => {
    const { stdout } = run(
      `
      const log = getLogger('quiet');
      const calls = (n) => { for (let i = 0; i < n; i++) { log.debug('x', i, i, i); log.trace('y'); } };
      calls(100_000);
      gc();
      const before = process.memoryUsage().heapUsed;
      calls(1_000_000);
      process.stdout.write(String(process.memoryUsage().heapUsed - before));
    `,
      {},
      ['--expose-gc'],
    );
    expect(Number(stdout)).to.be.below(500_000);
  });

  describe('exception() (A33)', () => {
    const boom = new RangeError('boom');
    const only = (...args: unknown[]) => captured(() => log.exception(...args))[0]!;

    it('is an ERROR with what was thrown, in every order', () => {
      expect(only(boom)).to.include({ level: 'ERROR', message: 'boom', error: boom });
      expect(only(boom, 'charge failed')).to.include({ message: 'charge failed', error: boom });
      expect(only('charge failed', boom)).to.include({ message: 'charge failed', error: boom });
      expect(only(boom, 'failed %s', 'x', { a: 1 })).to.include({ message: 'failed x', error: boom });
      expect(only({ err: boom }, 'charge failed')).to.include({ message: 'charge failed', error: boom });
    });

    it('takes whatever JavaScript throws', () => {
      expect(only(42)).to.include({ level: 'ERROR', message: '42', error: 42 });
      expect(only('text', 'while charging')).to.include({ message: 'while charging', error: 'text' });
      const thrown = { code: 7 };
      expect(only(thrown, 'odd')).to.include({ message: 'odd', error: thrown });
    });

    it('without an error is a WARN with the stack of the call', () => {
      for (const record of [only(), only(undefined), only(null)]) {
        expect(record).to.include({ level: 'WARN', message: 'exception() called without an error' });
        expect(String(record.fields?.['code.stacktrace']).split('\n')[0]).to.contain('logger.test.ts');
      }
      expect(only('charge failed', { a: 1 })).to.include({
        message: 'exception() called without an error: charge failed',
      });
      expect(only('charge failed', { a: 1 }).fields).to.include({ a: 1 });
    });
  });

  it('is named after package, folders and file by import.meta or module (A3)', () => {
    const folder = `${import.meta.dirname}/../..`;
    expect(moduleName({ url: `file://${folder}/src/orders/api.ts` })).to.equal('sonde.orders.api');
    expect(moduleName({ filename: `${folder}/dist/orders/api.js` })).to.equal('sonde.orders.api');
    expect(moduleName({ filename: `${folder}/lib/orders/index.js` })).to.equal('sonde.orders');
    expect(moduleName({ filename: `${folder}/src/orders.v2.ts` })).to.equal('sonde.orders_v2');
    expect(getLogger(import.meta).name).to.equal('sonde.test.logs.logger_test');
    expect(getLogger(import.meta)).to.equal(getLogger('sonde.test.logs.logger_test'));
    expect(moduleName({ url: 'data:text/javascript,1' })).to.equal('app');
    expect(moduleName({})).to.equal('app');
  });

  it('takes anything for a name and never throws', () => {
    for (const odd of [undefined, null, 1, {}, [], Symbol('x'), () => 1]) {
      expect(getLogger(odd as string).info).to.be.a('function');
    }
  });
});
