import { expect } from 'chai';
import { winston } from '../../instrumentation/winston.ts';
import { describeError } from '../../src/logs/error-shape.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { type BridgedProcess, bridged, lineSink } from '../support/bridged.ts';
import { requireOf } from '../support/installed.ts';

const library = requireOf('winston')('winston');
const { format } = library;

describe(`winston ${library.version}`, () => {
  let process: BridgedProcess;

  function open(options: object = {}) {
    const { stream, lines } = lineSink();
    const transports = [new library.transports.Stream({ stream })];
    const defaultMeta = { service: 'shop.orders' };
    const logger = library.createLogger({ defaultMeta, format: format.json(), transports, ...options });
    return { logger, lines };
  }

  const start = (): BridgedProcess => {
    process = bridged('winston', winston);
    return process;
  };

  const numbers = ({ records }: BridgedProcess) =>
    Object.fromEntries(records.map((record) => [record.message, record.severityNumber]));

  afterEach(async () => process?.stop());

  bridgeContract({
    name: 'winston',
    make: winston,
    logger: 'shop.orders',
    level: 'INFO',
    fields: true,
    visible: true,
    patched: () => [library.Logger.prototype],
    open() {
      const { logger, lines } = open();
      return {
        lines,
        log: (message, fields) => logger.info(message, fields),
        fail: (error) => logger.error(error),
        whisper: (message) => logger.debug(message),
      };
    },
  });

  it('maps the levels of npm, syslog and cli by name and order', () => {
    for (const [set, expected] of [
      ['npm', { error: 17, warn: 13, info: 9, http: 7, verbose: 6, debug: 5, silly: 1 }],
      ['syslog', { emerg: 21, alert: 19, crit: 18, error: 17, warning: 13, notice: 10, info: 9, debug: 5 }],
      [
        'cli',
        {
          error: 17,
          warn: 13,
          help: 11,
          data: 10,
          info: 9,
          debug: 5,
          prompt: 4,
          verbose: 3,
          input: 2,
          silly: 1,
        },
      ],
    ] as const) {
      const process = start();
      const { levels } = library.config[set];
      const { logger } = open({ levels, level: Object.keys(levels).at(-1) });
      for (const level of Object.keys(levels)) logger.log(level, level);
      expect(numbers(process), set).to.deep.equal(expected);
      void process.stop();
    }
  });

  it('places levels of the app by their order', () => {
    const process = start();
    const { logger } = open({
      levels: { fatal: 0, error: 1, audit: 2, warn: 3, info: 4, chat: 5 },
      level: 'chat',
    });
    for (const level of ['fatal', 'error', 'audit', 'warn', 'info', 'chat']) logger[level](level);
    expect(numbers(process)).to.deep.equal({ fatal: 21, error: 17, audit: 14, warn: 13, info: 9, chat: 8 });
  });

  it('takes the record behind the formats: rendered, masked, without colours', () => {
    const { records } = start();
    const mask = format((info: any) => ({ ...info, password: '***' }));
    const all = format.combine(format.splat(), mask(), format.colorize({ all: true }), format.simple());
    open({ format: all }).logger.info('order %s created', 'A7', { password: 'p4ss' });
    expect(records[0]).to.include({ level: 'INFO', message: 'order A7 created' });
    expect(records[0]?.fields).to.deep.equal({ service: 'shop.orders', password: '***' });
  });

  it('hands on nothing that a format drops', () => {
    const { records } = start();
    const { logger, lines } = open({ format: format.combine(format(() => false)(), format.json()) });
    logger.info('private');
    expect([records.length, lines.length]).to.deep.equal([0, 0]);
  });

  it('keeps fields of children, and is named by label, service or itself', () => {
    const { records } = start();
    open().logger.child({ requestId: 'r1' }).info('hello', { a: 1 });
    open({ format: format.combine(format.label({ label: 'shop.cart' }), format.json()) }).logger.info(
      'hello',
    );
    open({ defaultMeta: undefined }).logger.info('hello');
    expect(records.map(({ logger }) => logger)).to.deep.equal(['shop.orders', 'shop.cart', 'winston']);
    expect(records[0]?.fields).to.include({ requestId: 'r1', a: 1 });
  });

  it('finds the error in every form that winston takes', () => {
    const { records } = start();
    const error = new RangeError('no funds');
    const { logger } = open();
    logger.error('charge failed', error);
    logger.error('charge failed', { err: error });
    logger.error('charge failed', { error });
    logger.log({ level: 'error', message: error });
    logger.log('error', error);
    logger.child({ a: 1 }).error(error);
    for (const record of records) {
      expect(describeError(record.error)).to.include({ type: 'RangeError', message: 'no funds' });
      expect(record.fields).to.not.have.any.keys('stack', 'err', 'error', 'cause');
    }
    expect(records).to.have.length(6);
  });

  it("changes no object of the app's own, and gives a repeated one new ids", () => {
    const { within } = start();
    const { logger, lines } = open();
    const info = { level: 'info', message: 'again' };
    const error = new Error('again');
    for (const id of ['a', 'b']) {
      within(id, () => logger.log(info));
      within(id, () => logger.error(error));
    }
    expect(lines.map((line) => JSON.parse(line).correlation_id)).to.deep.equal(['a', 'a', 'b', 'b']);
    expect(info).to.not.have.any.keys('trace_id', 'correlation_id');
    expect(error).to.not.have.any.keys('trace_id', 'correlation_id');
  });

  it('keeps the ids of the call when a slow transport makes the record wait', async () => {
    const { within, records } = start();
    const log = (_info: unknown, done: () => void) => void setTimeout(done, 1);
    const { logger } = open({ transports: [new library.Transport({ log, highWaterMark: 1 })] });
    for (let i = 0; i < 60; i++) within(`order-${i}`, () => logger.info(`order-${i}`));
    const deadline = Date.now() + 5_000;
    while (records.length < 60 && Date.now() < deadline) await new Promise((done) => setTimeout(done, 5));
    expect(records).to.have.length(60);
    for (const { message, stamp } of records) expect(stamp.correlationId).to.equal(message);
  });

  it('is silent when the logger is', () => {
    const { records } = start();
    open({ silent: true }).logger.error('x');
    expect(records).to.have.length(0);
  });
});
