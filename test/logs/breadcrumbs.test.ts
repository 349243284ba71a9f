import v8 from 'node:v8';
import vm from 'node:vm';
import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { alertDestination } from '../../exporters/alert.ts';
import { toReadableLog } from '../../exporters/otlp/log-record.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import {
  type BreadcrumbMode,
  keepsBreadcrumbs,
  readBreadcrumbs,
  useBreadcrumbs,
} from '../../src/logs/breadcrumbs.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { setProcessors, setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { shared } from '../../src/slot.ts';
import { captured } from './captured.ts';

const log = getLogger('shop.orders');

/** Runs `fn` in a span of the trace with this number. */
function inTrace<T>(number: number, fn: () => T): T {
  const span = {
    traceId: number.toString(16).padStart(32, '0'),
    spanId: '1'.padStart(16, '0'),
    traceFlags: 1,
  };
  return runIn(trace.setSpanContext(rootContext, span), fn);
}

function crumbsOf(fn: () => void, mode: BreadcrumbMode = 'on'): readonly string[] | undefined {
  useBreadcrumbs(mode);
  return captured(fn).at(-1)?.breadcrumbs?.();
}

describe('breadcrumbs: the last 50 records of the same trace (A61)', () => {
  const state = shared<{ readers: number }>('logs.breadcrumbs', () => ({ readers: 0 }));
  let readers = 0;

  // Destinations of other suites of this process may still be there, and read.
  before(() => {
    readers = state.readers;
    state.readers = 0;
    useBreadcrumbs('alerts');
  });

  after(() => {
    state.readers = readers;
  });

  afterEach(() => {
    useBreadcrumbs('off');
    useBreadcrumbs('alerts');
  });

  it('are told with an error, oldest first, and no record of another trace is among them', () => {
    const crumbs = crumbsOf(() => {
      inTrace(1, () => log.info('order {orderId} created', { orderId: 1042, total: 9.5, gift: true }));
      inTrace(2, () => log.info('somebody else'));
      log.info('nobody');
      inTrace(1, () => log.with({ step: 'pay' }).warn('card is slow', { ms: 900 }));
      inTrace(1, () => log.error('charge failed', new Error('x')));
    });
    expect(crumbs?.map((line) => line.replace(/^\S+ /, ''))).to.eql([
      'INFO shop.orders order 1042 created orderId=1042 total=9.5 gift=true',
      'WARN shop.orders card is slow step=pay ms=900',
    ]);
    expect(crumbs?.[0]).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z /);
  });

  it('are the last 50', () => {
    const crumbs = crumbsOf(() =>
      inTrace(1, () => {
        for (let i = 0; i < 120; i++) log.info('step', { i });
        log.error('end');
      }),
    );
    expect(crumbs).to.have.length(50);
    expect([crumbs?.[0], crumbs?.[49]].map((line) => line?.split(' ').at(-1))).to.eql(['i=70', 'i=119']);
  });

  it('show no secret, also where a long text is cut through one', () => {
    const token = `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(60)}.${'b'.repeat(43)}`;
    const crumbs = crumbsOf(() =>
      inTrace(1, () => {
        log.info('signed in', { password: 'hunter22', note: `Bearer ${token}` });
        for (const lead of [200, 250, 290]) log.info(`${'x'.repeat(lead)} ${token}`);
        log.error('end');
      }),
    );
    expect(crumbs).to.have.length(4);
    expect(crumbs?.join('\n')).not.to.match(/hunter22|eyJh|aaaa|bbbb/);
  });

  it('are one line each, and none of them is the app\u2019s own object', () => {
    const order = { id: 'A', note: 'first\nsecond', list: [1], inner: { deep: true } };
    const crumbs = crumbsOf(() =>
      inTrace(1, () => {
        log.info('a\nb', order);
        order.id = 'changed later';
        log.error('end');
      }),
    );
    expect(crumbs).to.have.length(1);
    expect(crumbs?.[0])
      .to.contain('a\\nb id=A')
      .and.not.match(/\n|changed|deep/);
  });

  it('cost nothing where nobody reads them: kept for alerts only while there are some, or not at all', () => {
    useBreadcrumbs('alerts');
    expect(keepsBreadcrumbs()).to.equal(false);
    const stop = readBreadcrumbs();
    expect(keepsBreadcrumbs()).to.equal(true);
    stop();
    stop();
    expect(keepsBreadcrumbs()).to.equal(false);
    const again = readBreadcrumbs();
    useBreadcrumbs('off');
    expect(keepsBreadcrumbs()).to.equal(false);
    again();
  });

  it('keep a bounded memory, however many traces there are and whatever they log', () => {
    useBreadcrumbs('on');
    const text = 'x'.repeat(10_000);
    const sinks = setSinks([]);
    const before = heap();
    for (let i = 0; i < 40_000; i++) {
      inTrace(i % 20_000, () => log.info(`${i}${text}`, { a: text + i, b: text, list: [text] }));
    }
    const kept = heap() - before;
    setSinks(sinks);
    expect(kept).to.be.within(100_000, 12_000_000);
  }).timeout(30_000);

  it('are in JSON lines and OTLP only where they are asked for, and in neither of an error told before (A70)', () => {
    useBreadcrumbs('on');
    const error = new Error('x');
    const [, first, again] = captured(() =>
      inTrace(1, () => {
        log.info('before');
        log.error('failed', error);
        log.error('failed', error);
      }),
    ) as [LogRecord, LogRecord, LogRecord];
    const sent = (record: LogRecord, breadcrumbs: boolean): object =>
      toReadableLog(record, { resource: { attributes: {} }, breadcrumbs }).attributes;
    const line = JSON.parse(jsonFormat({ breadcrumbs: true })(first));
    expect(line['error.breadcrumbs']).to.eql(first.breadcrumbs?.());
    expect(sent(first, true)).to.have.property('error.breadcrumbs').that.has.length(1);
    expect(JSON.parse(jsonFormat()(first))).not.to.have.property('error.breadcrumbs');
    expect(sent(first, false)).not.to.have.property('error.breadcrumbs');
    expect(JSON.parse(jsonFormat({ breadcrumbs: true })(again))).not.to.have.property('error.breadcrumbs');
  });

  it('are told by alerts', async () => {
    const texts: string[] = [];
    const alerts = alertDestination({
      transport: (_subject, text) => void texts.push(text),
      inDevelopment: true,
    });
    const records = captured(() => inTrace(1, () => [log.info('cart is full'), log.error('no card')]));
    alerts.write(records.at(-1)!);
    await alerts.flush?.();
    alerts.close?.();
    expect(texts[0]).to.match(/Before it in this trace\n {2}\S+Z INFO shop\.orders cart is full/);
    expect(keepsBreadcrumbs()).to.equal(false);
  });

  it('pass the processors of the app before they are kept', () => {
    const crumbs = crumbsOf(() => {
      setProcessors([
        (record) => (record.message === 'private' ? undefined : { ...record, message: 'changed' }),
      ]);
      inTrace(1, () => [log.info('private'), log.info('public'), log.error('end')]);
    });
    expect(crumbs?.map((line) => line.split(' ').at(-1))).to.eql(['changed']);
  });
});

function heap(): number {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
