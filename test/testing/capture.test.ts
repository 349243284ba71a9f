import { expect } from 'chai';
import { getLogger } from '../../src/logs/logger.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { Sink } from '../../src/logs/record.ts';
import { nullDestination } from '../../src/logs/route.ts';
import { configureNodes, setLevel } from '../../src/logs/tree.ts';
import { captureLogs, captureNoLogs } from '../../src/testing.ts';

const log = getLogger('captured.jobs');

describe('captured logs (A66)', () => {
  let printers: readonly Sink[];
  before(() => {
    printers = setSinks([]);
  });
  after(() => void setSinks(printers));

  it('are those of the logger and below it, at the level or above, without secrets', async () => {
    const { records, text } = await captureLogs('captured', 'WARNING', () => {
      log.info('too low');
      getLogger('other').error('another');
      getLogger('capturedness').error('another');
      log.warn('low stock', { password: 'hunter2', left: 3 });
    });
    expect(records).to.have.length(1);
    expect(records[0]).to.include({ logger: 'captured.jobs', message: 'low stock', left: 3 });
    expect(text).to.contain('level=WARN').and.contain('password=[REDACTED]').and.not.contain('hunter2');
  });

  it('are seen where they are silenced, and when the sinks are replaced meanwhile', async () => {
    const silenced = { name: 'null', level: 0, filters: [], destination: nullDestination };
    configureNodes(new Map([['captured', { handlers: [silenced], propagate: false }]]));
    try {
      const { records } = await captureLogs('captured', 'INFO', () => {
        setSinks([]);
        log.info('said all the same');
      });
      expect(records).to.have.length(1);
    } finally {
      configureNodes(new Map());
    }
  });

  it('let several tests open one level, and put it back with the last', async () => {
    setLevel('captured', 'error');
    const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));
    const each = (level: 'debug' | 'info', millis: number) =>
      captureLogs('captured', level, async () => {
        await pause(millis);
        log.log(level, level);
      });
    const [first, second] = await Promise.all([each('info', 1), each('debug', 20)]);
    expect(first.records.map(({ message }) => message)).to.eql(['info']);
    expect(second.records.map(({ message }) => message)).to.eql(['debug']);
    expect(log.isEnabled('warn')).to.equal(false);
    setLevel('captured', undefined);
  });

  it('go on with the error of the function, and leave nothing behind', async () => {
    const failed = await captureLogs('captured', 'DEBUG', () => Promise.reject(new RangeError('no'))).catch(
      (error: Error) => error,
    );
    expect(failed).to.be.instanceOf(RangeError);
    expect(log.isEnabled('debug')).to.equal(false);
  });

  it('may be one in another: both see what is inside', async () => {
    const outer = await captureLogs('captured', 'INFO', async () => {
      log.info('outside');
      const inner = await captureLogs('captured', 'INFO', () => log.info('inside'));
      expect(inner.records).to.have.length(1);
    });
    expect(outer.records.map(({ message }) => message)).to.eql(['outside', 'inside']);
  });

  it('may have to be none', async () => {
    await captureNoLogs('captured', 'ERROR', () => log.warn('x'));
    const failed = await captureNoLogs('captured', 'INFO', () => log.warn('x', { id: 7 })).catch(
      (error: Error) => error.message,
    );
    expect(failed).to.match(/^1 unexpected record of logger "captured":\n.*message=x id=7$/);
  });
});
