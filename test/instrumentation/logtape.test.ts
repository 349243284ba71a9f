import { expect } from 'chai';
import { consoleBridge } from '../../instrumentation/console.ts';
import { logtape } from '../../instrumentation/logtape.ts';
import { describeError } from '../../src/logs/error-shape.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { type BridgedProcess, bridged } from '../support/bridged.ts';
import { requireOf } from '../support/installed.ts';

const versions = { 1: 'logtape-1', 2: '@logtape/logtape' };

for (const [version, installed] of Object.entries(versions)) {
  const rootKey = Symbol.for('logtape.rootLogger');
  // Copies share the root that the first of them has made.
  delete (globalThis as Record<symbol, unknown>)[rootKey];
  const library = requireOf(installed)('@logtape/logtape');
  const root = (globalThis as Record<symbol, unknown>)[rootKey];
  const lines: string[] = [];
  const toLine = library.getJsonLinesFormatter();
  const sinks = { lines: (record: object) => void lines.push(toLine(record)) };
  const meta = { category: ['logtape', 'meta'], sinks: ['lines'], lowestLevel: 'error' };

  function configure(more: object = {}): void {
    const loggers = [{ category: [], sinks: ['lines'], lowestLevel: 'info', ...more }, meta];
    library.configureSync({ reset: true, sinks, filters: { even }, loggers });
  }

  let asked = 0;
  const even = (): boolean => ++asked % 2 === 0;

  describe(`LogTape ${version}`, () => {
    let process: BridgedProcess;
    const start = (): BridgedProcess => {
      process = bridged('logtape', logtape);
      return process;
    };

    before(() => {
      (globalThis as Record<symbol, unknown>)[rootKey] = root;
      configure();
    });
    beforeEach(() => {
      lines.length = 0;
    });
    afterEach(async () => {
      await process?.stop();
      configure();
    });
    after(() => {
      library.resetSync();
      delete (globalThis as Record<symbol, unknown>)[rootKey];
    });

    bridgeContract({
      name: 'logtape',
      make: logtape,
      logger: 'shop.orders',
      level: 'INFO',
      fields: true,
      visible: true,
      patched: () => [Object.getPrototypeOf(library.getLogger([]))],
      open() {
        const logger = library.getLogger(['shop', 'orders']);
        return {
          lines,
          log: (message, fields) => logger.info(message, fields),
          // Only the later one takes an error in place of a message.
          fail: (error) => (version === '1' ? logger.error(error.message, { error }) : logger.error(error)),
          whisper: (message) => logger.debug(message),
        };
      },
    });

    it('maps its levels by name', () => {
      configure({ lowestLevel: 'trace' });
      const { records } = start();
      const logger = library.getLogger('shop');
      for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) logger[level](level);
      expect(records.map(({ severityNumber }) => severityNumber)).to.deep.equal([1, 5, 9, 13, 17, 21]);
    });

    it('renders templates of both kinds, and keeps properties, bound ones and lazy ones as fields', () => {
      const { records, within } = start();
      const logger = library.getLogger(['shop', 'orders']).with({ tenant: 'acme' });
      within('order-7', () => {
        logger.info('order {id} of {who} created', { id: 7, who: 'Ada' });
        logger.info`order ${7} of ${'Ada'} created`;
        logger.info('order {id} created', () => ({ id: 7 }));
        logger.info({ id: 7 });
      });
      const told = records.map(({ message, fields }) => [message, fields]);
      expect(told).to.deep.equal([
        ['order 7 of Ada created', { tenant: 'acme', id: 7, who: 'Ada' }],
        ['order 7 of Ada created', { tenant: 'acme' }],
        ['order 7 created', { tenant: 'acme', id: 7 }],
        ['', { tenant: 'acme', id: 7 }],
      ]);
    });

    it('takes an error among the properties as what was thrown', () => {
      const { records } = start();
      library.getLogger('shop').warn('refused: {error}', { error: new RangeError('no funds'), id: 7 });
      expect(describeError(records[0]!.error)).to.include({ type: 'RangeError', message: 'no funds' });
      expect(records[0]!.fields).to.deep.equal({ id: 7 });
    });

    it('sends what a sink gets, and asks no filter twice', () => {
      configure({ filters: ['even'] });
      const { records } = start();
      asked = 0;
      for (let i = 0; i < 6; i++) library.getLogger('shop').info('x', { i });
      expect(records.map(({ fields }) => fields!.i)).to.deep.equal([1, 3, 5]);
      expect(asked).to.equal(6);
      expect(lines).to.have.length(3);
    });

    it('says nothing for an app that has configured no sink', () => {
      library.resetSync();
      const { records } = start();
      library.getLogger('shop').error('nobody listens');
      expect(records).to.have.length(0);
    });

    it('is not heard again when its sink prints by the console', async () => {
      const { records } = start();
      const console = bridged('console', consoleBridge);
      const quiet = { log: () => {}, info: () => {}, debug: () => {}, warn: () => {}, error: () => {} };
      const sink = library.getConsoleSink({
        console: Object.assign(Object.create(globalThis.console), quiet),
      });
      library.configureSync({
        reset: true,
        sinks: { out: sink, print: () => globalThis.console.debug('') },
        loggers: [
          { category: 'shop', sinks: ['out', 'print'], lowestLevel: 'info' },
          { category: ['logtape', 'meta'], sinks: [] },
        ],
      });
      library.getLogger('shop').info('once');
      expect([...records, ...console.records].map(({ logger }) => logger)).to.deep.equal(['shop']);
      await console.stop();
    });

    it('keeps what the app has injected by itself', () => {
      const { within } = start();
      within('order-7', () => library.getLogger('shop').info('x', { trace_id: 'own' }));
      expect(JSON.parse(lines[0]!).properties).to.include({ trace_id: 'own', correlation_id: 'order-7' });
      expect(JSON.parse(lines[0]!).properties).to.not.have.property('span_id');
    });
  });
}
