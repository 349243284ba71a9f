import { expect } from 'chai';
import { consoleBridge } from '../../instrumentation/console.ts';
import { log4js } from '../../instrumentation/log4js.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { type BridgedProcess, bridged } from '../support/bridged.ts';
import { requireOf } from '../support/installed.ts';

const library = requireOf('log4js')('log4js');

/** An appender of the test's own. */
const lines: string[] = [];
const appender = {
  configure: () => (event: any) => {
    const { level, categoryName, data, context, fileName, lineNumber } = event;
    const told = { level: String(level), categoryName, data: data.map(String), ...context };
    lines.push(JSON.stringify({ ...told, at: `${fileName}:${lineNumber}` }));
  },
};

function configure(level = 'info'): void {
  library.configure({
    appenders: { test: { type: appender } },
    categories: { default: { appenders: ['test'], level, enableCallStack: true } },
  });
}

describe('log4js 6', () => {
  let process: BridgedProcess;
  const start = (): BridgedProcess => {
    process = bridged('log4js', log4js);
    return process;
  };

  before(() => configure());

  beforeEach(() => {
    lines.length = 0;
  });

  afterEach(async () => process?.stop());

  bridgeContract({
    name: 'log4js',
    make: log4js,
    logger: 'shop.orders',
    level: 'INFO',
    fields: false,
    visible: true,
    patched: () => [library, Object.getPrototypeOf(library.getLogger())],
    open() {
      const logger = library.getLogger('shop.orders');
      return {
        lines,
        log: (message) => logger.info(message),
        fail: (error) => logger.error(error),
        whisper: (message) => logger.debug(message),
      };
    },
  });

  it('maps its levels by name; MARK is INFO', () => {
    const { records } = start();
    configure('all');
    const logger = library.getLogger('shop.orders');
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'mark']) logger[level](level);
    expect(records.map(({ severityNumber }) => severityNumber)).to.deep.equal([1, 5, 9, 13, 17, 21, 9]);
    configure();
  });

  it('keeps the context of the logger as fields, and renders the message', () => {
    const { records } = start();
    const logger = library.getLogger('shop.orders');
    logger.addContext('tenant', 'acme');
    logger.warn('order %s created', 'A7');
    expect(records[0]).to.include({ level: 'WARN', message: 'order A7 created' });
    expect(records[0]?.fields).to.deep.equal({ tenant: 'acme' });
    expect(logger.context).to.deep.equal({ tenant: 'acme' });
  });

  it('keeps the place of the call in call stacks', () => {
    start();
    library.getLogger('shop.orders').info('hello');
    expect(JSON.parse(lines[0]!).at).to.match(/log4js\.test\.ts:\d+$/);
  });

  it('is heard once when it prints through the console', async () => {
    const { records } = start();
    const console = bridged('console', consoleBridge);
    library.configure({
      appenders: { out: { type: 'console', layout: { type: 'messagePassThrough' } } },
      categories: { default: { appenders: ['out'], level: 'info' } },
    });
    library.getLogger('shop.orders').info('log4js prints through the console');
    expect([...records, ...console.records].map(({ logger }) => logger)).to.deep.equal(['shop.orders']);
    await console.stop();
    configure();
  });
});
