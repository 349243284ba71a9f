import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { pino } from '../../instrumentation/pino.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { type BridgedProcess, bridged, lineSink } from '../support/bridged.ts';
import { requireOf } from '../support/installed.ts';

/** The last version without a tracing channel that is worth testing, and the newest. */
for (const version of ['pino-9', 'pino']) {
  const library = requireOf(version)('pino');

  describe(`pino ${library.version}`, () => {
    let process: BridgedProcess;

    function open(options: object = {}) {
      const { stream, lines } = lineSink();
      return { logger: library({ name: 'shop.orders', ...options }, stream), lines };
    }

    const start = (): BridgedProcess => {
      process = bridged('pino', pino);
      return process;
    };

    afterEach(async () => process?.stop());

    bridgeContract({
      name: 'pino',
      make: pino,
      logger: 'shop.orders',
      level: 'INFO',
      fields: true,
      visible: true,
      open() {
        const { logger, lines } = open();
        return {
          lines,
          log: (message, fields) => logger.info(fields, message),
          fail: (error) => logger.error(error),
          whisper: (message) => logger.debug(message),
        };
      },
    });

    it('keeps bindings of children, and the name of the logger', () => {
      const { records } = start();
      const { logger } = open();
      logger.child({ module: 'cart' }).child({ step: 2 }).info({ orderId: 7 }, 'order %s', 'created');
      expect(records[0]).to.include({ logger: 'shop.orders', message: 'order created' });
      expect(records[0]?.fields).to.deep.equal({ module: 'cart', step: 2, orderId: 7 });
    });

    it('is `pino` where the logger has no name', () => {
      const { records } = start();
      open({ name: undefined }).logger.info('hello');
      open({ name: undefined, base: null }).logger.info('hello');
      expect(records.map(({ logger }) => logger)).to.deep.equal(['pino', 'pino']);
    });

    it('sends nothing that pino redacts, in the call or in bindings', () => {
      const { records } = start();
      const redact = ['password', 'user.ssn', '*.token', 'card'];
      const { logger, lines } = open({ redact });
      logger
        .child({ card: '4111' })
        .info({ password: 'p4ss', user: { ssn: '078', name: 'Ada' }, session: { token: 't0k' } }, 'login');
      for (const text of [JSON.stringify(records[0]?.fields), lines[0]!]) {
        expect(text).to.not.match(/p4ss|078|t0k|4111/);
        expect(text).to.include('Ada');
      }
    });

    it('leaves out what `redact` removes', () => {
      const { records } = start();
      open({ redact: { paths: ['password'], remove: true } }).logger.info({ password: 'x', a: 1 }, 'login');
      expect(records[0]?.fields).to.deep.equal({ a: 1 });
    });

    it('uses serializers, formatters and mixins as pino does', () => {
      const { records } = start();
      const { logger } = open({
        serializers: { user: ({ id }: { id: number }) => ({ id }) },
        formatters: { log: (fields: object) => ({ ...fields, formatted: true }) },
        mixin: () => ({ mixed: true }),
      });
      logger.info({ user: { id: 7, secret: 's' } }, 'hello');
      expect(records[0]?.fields).to.deep.equal({ user: { id: 7 }, mixed: true, formatted: true });
    });

    it('maps its levels by name, and its own ones by their place', () => {
      const { records } = start();
      const { logger } = open({
        level: 'trace',
        customLevels: { audit: 35, http: 25, notice: 31, panic: 70 },
      });
      for (const level of [
        'trace',
        'debug',
        'info',
        'warn',
        'error',
        'fatal',
        'audit',
        'http',
        'notice',
        'panic',
      ]) {
        logger[level](level);
      }
      expect(
        Object.fromEntries(records.map((record) => [record.message, record.severityNumber])),
      ).to.deep.equal({
        trace: 1,
        debug: 5,
        info: 9,
        warn: 13,
        error: 17,
        fatal: 21,
        http: 6,
        notice: 10,
        audit: 11,
        panic: 22,
      });
      expect(records.map(({ level }) => level))
        .to.include('FATAL')
        .and.include('TRACE');
    });

    it('keeps ids that the app injects by itself, none of them twice', () => {
      const { within, records } = start();
      const { logger, lines } = open({ mixin: () => ({ trace_id: 'mine' }) });
      within('order-7', () => {
        logger.info('hello');
        logger.child({ correlation_id: 'own' }).info('hello');
      });
      expect(JSON.parse(lines[0]!)).to.include({ trace_id: 'mine', correlation_id: 'order-7' });
      expect(JSON.parse(lines[0]!)).to.not.have.property('span_id');
      expect(lines[1]!.match(/"correlation_id"/g)).to.have.length(1);
      expect(records).to.have.length(2);
    });

    it('keeps an error under `err` beside a message, and a custom error key', () => {
      const { records } = start();
      const error = new TypeError('boom');
      open().logger.warn({ err: error, orderId: 7 }, 'retrying');
      open({ errorKey: 'problem' }).logger.warn(error, 'retrying');
      for (const record of records) {
        expect(record.error).to.equal(error);
        expect(record.message).to.equal('retrying');
        expect(record.fields).to.not.have.any.keys('err', 'problem');
      }
      expect(records[0]?.fields).to.deep.equal({ orderId: 7 });
    });

    it('leaves logger and line whole when a serializer throws', () => {
      const { within, records } = start();
      let throws = true;
      const { logger, lines } = open({
        serializers: {
          user: () => {
            if (throws) throw new Error('no user');
            return 'Ada';
          },
        },
      });
      within('order-7', () => {
        expect(() => logger.info({ user: 1 }, 'hello')).to.throw('no user');
      });
      throws = false;
      logger.info({ user: 1 }, 'hello');
      expect(lines).to.have.length(1);
      expect(lines[0]).to.not.include('order-7');
      expect(records.at(-1)?.fields).to.deep.equal({ user: 'Ada' });
    });

    it('writes valid JSON under a nested key, a message key and a prefix', () => {
      const { within, records } = start();
      const { logger, lines } = open({ nestedKey: 'payload', messageKey: 'message', msgPrefix: '[cart] ' });
      within('order-7', () => logger.info({ orderId: 7 }, 'hello'));
      expect(JSON.parse(lines[0]!)).to.deep.include({ payload: { orderId: 7 }, message: '[cart] hello' });
      expect(JSON.parse(lines[0]!)).to.include({ correlation_id: 'order-7' });
      expect(records[0]).to.include({ message: '[cart] hello' });
    });

    it('adds the ids before a worker target gets the line', async () => {
      const { within, records } = start();
      const target = new URL('../fixtures/bridges/target.mjs', import.meta.url).pathname;
      const port = new MessageChannel();
      const transport = library.transport({
        target,
        options: { port: port.port1 },
        worker: { transferList: [port.port1] },
      });
      const line = once(port.port2, 'message');
      within('order-7', () => library({ name: 'shop.orders' }, transport).info('hello'));
      expect(JSON.parse((await line)[0])).to.include({ correlation_id: 'order-7', msg: 'hello' });
      expect(records).to.have.length(1);
      transport.end();
      port.port2.close();
    });
  });
}
