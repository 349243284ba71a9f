import { expect } from 'chai';
import { diagnostics } from '../../src/diagnostics.ts';
import type { Filter, Handler } from '../../src/logs/handler.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { nullDestination } from '../../src/logs/route.ts';
import { configureNodes, type NodeSettings, parseLevels, setLevels } from '../../src/logs/tree.ts';

function listHandler(
  level = 0,
  filters: readonly Filter[] = [],
): Handler & { readonly records: LogRecord[] } {
  const records: LogRecord[] = [];
  return {
    name: 'list',
    level,
    filters,
    records,
    destination: { write: (record) => void records.push(record) },
  };
}

describe('handlers in the tree', () => {
  let printed: LogRecord[] = [];
  let sent: LogRecord[] = [];
  let before: ReturnType<typeof setSinks> = [];

  function configure(settings: Record<string, NodeSettings>): void {
    configureNodes(new Map(Object.entries(settings)));
  }

  function count(name: string): number {
    return diagnostics.counters().get(name) ?? 0;
  }

  beforeEach(() => {
    printed = [];
    sent = [];
    before = setSinks([(record) => void printed.push(record)], [(record) => void sent.push(record)]);
  });
  afterEach(() => {
    setSinks(before);
    configure({});
    setLevels(parseLevels('info'));
  });

  it('take the records of the whole subtree once, and OTLP takes them too (A2)', () => {
    const shop = listHandler();
    const root = listHandler();
    configure({ tree_shop: { handlers: [shop] }, '': { handlers: [root] } });
    getLogger('tree_shop.orders').info('x');
    expect([shop.records.length, root.records.length, sent.length, printed.length]).to.eql([1, 1, 1, 0]);
    configure({ tree_shop: { handlers: [shop], propagate: false }, '': { handlers: [root] } });
    getLogger('tree_shop.orders').info('x');
    expect([shop.records.length, root.records.length, sent.length]).to.eql([2, 1, 2]);
  });

  it('have levels of their own (A4)', () => {
    const console = listHandler(9);
    const file = listHandler(13);
    const mail = listHandler(17);
    configure({ tree_levels: { handlers: [console, file, mail] } });
    getLogger('tree_levels').warning('x');
    expect([console.records.length, file.records.length, mail.records.length]).to.eql([1, 1, 0]);
  });

  it('keep the default printers for whoever meets no handler of his own', () => {
    configure({ tree_own: { handlers: [listHandler()] } });
    getLogger('tree_own').info('own');
    getLogger('tree_other').info('other');
    expect(printed.map((record) => record.message)).to.eql(['other']);
    expect(sent.map((record) => record.message)).to.eql(['own', 'other']);
  });

  it('see what the filters of logger and handler make of a record, in OTLP too (A5)', () => {
    const weaker: Filter = (record) => ({ ...record, severityNumber: 13, level: 'WARN' });
    const errors = listHandler(17);
    const all = listHandler(0, [(record) => record.message !== 'noise']);
    configure({ tree_filters: { handlers: [errors, all], filters: [weaker] } });
    getLogger('tree_filters').error('x');
    getLogger('tree_filters').error('noise');
    expect(errors.records).to.have.length(0);
    expect(all.records.map((record) => record.severityNumber)).to.eql([13]);
    expect(sent.map((record) => record.severityNumber)).to.eql([13, 13]);
  });

  it('get a record whose filter threw, and the failure is counted (A5)', () => {
    const failures = count('logs.filter_errors');
    const list = listHandler(0, [
      () => {
        throw new Error('no');
      },
    ]);
    configure({ tree_throws: { handlers: [list] } });
    getLogger('tree_throws').info('x');
    expect(list.records).to.have.length(1);
    expect(count('logs.filter_errors')).to.equal(failures + 1);
  });

  it('are silence when they are the null handler, without drop counters (A18)', () => {
    const counters = new Map(diagnostics.counters());
    const silent = { name: 'null', level: 0, filters: [], destination: nullDestination };
    configure({ tree_null: { handlers: [silent], propagate: false } });
    getLogger('tree_null').error('x');
    expect([printed.length, sent.length]).to.eql([0, 0]);
    expect(new Map(diagnostics.counters())).to.eql(counters);
  });

  it('leave a record to the last resort when all fail, or when there is none at WARNING (A17)', () => {
    const resorts = count('logs.last_resort');
    const broken: Handler = {
      ...{ name: 'broken', level: 0, filters: [] },
      destination: {
        write: () => {
          throw new Error('full');
        },
      },
    };
    configure({ tree_broken: { handlers: [broken] }, tree_bare: { propagate: false } });
    getLogger('tree_broken').info('on stderr');
    getLogger('tree_bare').info('nowhere');
    getLogger('tree_bare').warn('on stderr');
    expect(count('logs.last_resort')).to.equal(resorts + 2);
  });

  it('are not asked by a logger that is disabled; those below it go on (A11)', () => {
    const below = getLogger('tree_off.below');
    configure({ tree_off: { disabled: true } });
    getLogger('tree_off').error('x');
    below.info('y');
    getLogger('tree_off.later').info('z');
    expect(printed.map((record) => record.message)).to.eql(['y', 'z']);
  });
});
