import { expect } from 'chai';
import { levelOf, OFF, parseLevel } from '../../src/logs/levels.ts';
import { getLogger, setLevel } from '../../src/logs/logger.ts';
import { nodeOf, parseLevels, passes, setLevels } from '../../src/logs/tree.ts';
import { captured } from './captured.ts';

describe('levels', () => {
  afterEach(() => setLevels(parseLevels('info')));

  it('exports OpenTelemetry severity numbers; warning and critical are warn and fatal (A1)', () => {
    setLevel('', 'trace');
    const log = getLogger('levels.all');
    const records = captured(() => {
      for (const level of [
        'trace',
        'debug',
        'info',
        'warn',
        'warning',
        'error',
        'fatal',
        'critical',
      ] as const) {
        log[level]('x');
      }
    });
    expect(records.map((record) => record.severityNumber)).to.eql([1, 5, 9, 13, 13, 17, 21, 21]);
    expect(records.map((record) => record.level)).to.eql([
      'TRACE',
      'DEBUG',
      'INFO',
      'WARN',
      'WARN',
      'ERROR',
      'FATAL',
      'FATAL',
    ]);
  });

  it('passes what is at or above the level of the logger (A1)', () => {
    const log = getLogger('levels.info');
    const records = captured(() => {
      log.debug('no');
      log.info('yes');
    });
    expect(records.map((record) => record.message)).to.eql(['yes']);
  });

  it('takes the level by name in log(), in any case and by alias; an unknown one is INFO (A1)', () => {
    const log = getLogger('levels.log');
    const records = captured(() => {
      log.log('warning', 'a');
      log.log('ERROR' as 'error', 'b');
      log.log('loud' as 'error', 'c');
      log.log('debug', 'd');
    });
    expect(records.map((record) => record.level)).to.eql(['WARN', 'ERROR', 'INFO']);
  });

  it('gives every severity number the name that owns it', () => {
    expect([1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24].map(levelOf).join(' ')).to.equal(
      'TRACE TRACE DEBUG DEBUG INFO INFO WARN WARN ERROR ERROR FATAL FATAL',
    );
    expect([levelOf(0), levelOf(99), levelOf(Number.NaN)]).to.eql(['TRACE', 'FATAL', 'INFO']);
  });

  it('reads names and aliases in any case and nothing else', () => {
    expect([parseLevel(' Warning '), parseLevel('CRITICAL'), parseLevel('off')]).to.eql([13, 21, OFF]);
    for (const wrong of ['', 'loud', '10', 10, null, undefined, {}])
      expect(parseLevel(wrong)).to.equal(undefined);
  });
});

describe('the tree of loggers', () => {
  afterEach(() => setLevels(parseLevels('info')));

  it('gives a name the level of its longest known prefix (A2, A14)', () => {
    setLevels(parseLevels('warn,shop=info,shop.orders=debug'));
    expect(passes('other', 9)).to.equal(false);
    expect(passes('shop.payments.card', 9)).to.equal(true);
    expect(passes('shop.payments.card', 5)).to.equal(false);
    expect(passes('shop.orders.api', 5)).to.equal(true);
    expect(passes('shopping', 9)).to.equal(false);
  });

  it('understands the syntax of SONDE_LOG_LEVEL and returns what it does not (A14)', () => {
    const spec = parseLevels(' info, shop.orders=debug ,sonde.db=DEBUG,loud,x=why,=info,quiet=off');
    expect([...spec.levels]).to.eql([
      ['', 9],
      ['shop.orders', 5],
      ['sonde.db', 5],
      ['quiet', OFF],
    ]);
    expect(spec.problems).to.eql(['loud', 'x=why', '=info']);
    expect(parseLevels('').levels.size).to.equal(0);
  });

  it('changes at run time, for loggers made before and for their children (A14)', () => {
    const log = getLogger('tree.run.time');
    const bound = log.with({ a: 1 });
    expect(log.isEnabled('debug')).to.equal(false);
    setLevel('tree', 'debug');
    expect([log.isEnabled('debug'), bound.isEnabled('debug'), log.level]).to.eql([true, true, 'debug']);
    log.level = 'error';
    expect([log.isEnabled('warn'), bound.isEnabled('error')]).to.eql([false, true]);
    setLevel('tree.run.time', undefined);
    expect(log.level).to.equal('debug');
    setLevel('tree', 'off');
    expect([log.isEnabled('fatal'), log.level]).to.eql([false, 'off']);
  });

  it('answers a wrong level by leaving things as they are', () => {
    const log = getLogger('tree.wrong');
    log.level = 'loud' as 'info';
    setLevel('tree.wrong', 12 as unknown as 'info');
    expect(log.level).to.equal('info');
  });

  it('gives the same logger for the same name, and a node to each of its parents (A2)', () => {
    expect(getLogger('a.b.c')).to.equal(getLogger('a.b.c'));
    expect(nodeOf('a.b.c').parent).to.equal(nodeOf('a.b'));
    expect(getLogger('a.b.c').name).to.equal('a.b.c');
    expect(nodeOf('root')).to.equal(nodeOf(''));
    for (const odd of ['.', '..', 'a..b', '.a', 'a.', '__proto__', 'constructor']) {
      expect(getLogger(odd).name).to.equal(odd);
    }
  });

  it('looks at nothing of a disabled call: no getter, no function, no template (A21)', () => {
    const log = getLogger('tree.disabled');
    let touched = 0;
    const fields = {
      get costly() {
        return ++touched;
      },
    };
    const records = captured(() => {
      log.debug('x {costly}', fields);
      log.debug('x', () => ({ n: ++touched }));
      log.debug(() => ['x', { n: ++touched }]);
      log.log('debug', 'x {costly}', fields);
    });
    expect([records.length, touched]).to.eql([0, 0]);
  });
});
