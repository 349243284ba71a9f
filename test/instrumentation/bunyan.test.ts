import { expect } from 'chai';
import { bunyan } from '../../instrumentation/bunyan.ts';
import { describeError } from '../../src/logs/error-shape.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { type BridgedProcess, bridged, lineSink } from '../support/bridged.ts';
import { requireOf } from '../support/installed.ts';

for (const version of ['bunyan', 'bunyan-1']) {
  const library = requireOf(version)('bunyan');

  describe(`${version}`, () => {
    let process: BridgedProcess;

    function open(options: object = {}) {
      const { stream, lines } = lineSink();
      return { logger: library.createLogger({ name: 'shop.orders', stream, ...options }), lines };
    }

    const start = (): BridgedProcess => {
      process = bridged('bunyan', bunyan);
      return process;
    };

    afterEach(async () => process?.stop());

    bridgeContract({
      name: 'bunyan',
      make: bunyan,
      logger: 'shop.orders',
      level: 'INFO',
      fields: true,
      visible: true,
      patched: () => [library.prototype],
      open() {
        const { logger, lines } = open();
        return {
          lines,
          log: (message, fields) => logger.info(fields ?? {}, message),
          fail: (error) => logger.error(error),
          whisper: (message) => logger.debug(message),
        };
      },
    });

    it('maps its six levels, and a number of its own', () => {
      const { records } = start();
      const { logger } = open({ level: 'trace' });
      for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) logger[level](level);
      logger.info({ level: 35 }, 'notice');
      expect(records.map(({ severityNumber }) => severityNumber)).to.deep.equal([1, 5, 9, 13, 17, 21, 11]);
    });

    it('keeps fields of children, serialized, and the place of the call', () => {
      const { records } = start();
      const { logger, lines } = open({ src: true, serializers: { user: ({ id }: { id: number }) => id } });
      logger.child({ component: 'cart' }).info({ user: { id: 7, secret: 's' } }, 'order %s', 'created');
      expect(records[0]).to.include({ logger: 'shop.orders', message: 'order created' });
      expect(records[0]?.fields).to.include({ component: 'cart', user: 7 });
      expect(JSON.parse(lines[0]!).src.file).to.match(/bunyan\.test\.ts$/);
    });

    it('makes an error again of what the serializer has left', () => {
      const { records } = start();
      const error = Object.assign(new TypeError('boom'), { code: 'E_BOOM' });
      const { logger } = open({ serializers: library.stdSerializers });
      logger.error({ err: error, orderId: 7 }, 'charge failed');
      expect(describeError(records[0]?.error)).to.include({
        type: 'TypeError',
        message: 'boom',
        code: 'E_BOOM',
      });
      expect(records[0]).to.include({ message: 'charge failed' });
      expect(records[0]?.fields).to.deep.equal({ orderId: 7 });
    });

    it('gives raw streams the ids, too, and keeps those of the app', () => {
      const { within } = start();
      const ring = new library.RingBuffer({ limit: 2 });
      const logger = library.createLogger({
        name: 'shop',
        streams: [{ type: 'raw', stream: ring, level: 'info' }],
      });
      within('order-7', () => {
        logger.info('hello');
        logger.info({ trace_id: 'mine' }, 'hello');
      });
      expect(ring.records[0]).to.include({ correlation_id: 'order-7', trace_flags: '01' });
      expect(ring.records[1]).to.include({ trace_id: 'mine', correlation_id: 'order-7' });
      expect(ring.records[1]).to.not.have.property('span_id');
    });
  });
}
