import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { toReadableLog } from '../../exporters/otlp/log-record.ts';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { setProcessors } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { reportError } from '../../src/logs/report.ts';
import { isToldText, noteTold } from '../../src/logs/sightings.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { captured } from './captured.ts';

const log = getLogger('shop.orders');
const arrive = (error: unknown): boolean =>
  reportError({ logger: 'sonde.request', message: 'Internal Server Error: /orders', error });

/** Runs `fn` in a span of this trace. */
function inTrace<T>(digit: string, fn: () => T): T {
  const span = { traceId: digit.repeat(32), spanId: digit.repeat(16), traceFlags: 1 };
  return runIn(trace.setSpanContext(rootContext, span), fn);
}

const levels = (records: readonly LogRecord[]): string[] => records.map(({ level }) => level);

describe('One error object is one ERROR record (A70)', () => {
  it('a route logs and throws on: the framework tells nothing anew', () => {
    const error = new Error('no card');
    const records = captured(() => {
      log.error('charge failed', error, { orderId: 1042 });
      expect(arrive(error)).to.equal(false);
    });
    expect(records.map(({ message }) => message)).to.eql(['charge failed']);
  });

  it('nobody logged it: the framework does, once', () => {
    const error = new Error('no card');
    const records = captured(() => expect([arrive(error), arrive(error)]).to.eql([true, false]));
    expect(levels(records)).to.eql(['ERROR']);
    expect(records[0]).to.include({ logger: 'sonde.request', error });
  });

  it('who looks at DEBUG sees where it arrived again', () => {
    setLevel('sonde.request', 'debug');
    const error = new Error('no card');
    const [, again] = captured(() => [log.error(error), arrive(error)]);
    setLevel('sonde.request', undefined);
    expect(again).to.include({ level: 'DEBUG', seen: true, message: 'Internal Server Error: /orders' });
  });

  it('an error that is wrapped, or was told as a part of another, is the same one', () => {
    const inner = new Error('socket closed');
    const wrapped = new Error('charge failed', { cause: new Error('query failed', { cause: inner }) });
    const parts = [new Error('a'), new Error('b')];
    const records = captured(() => {
      log.error('query failed', inner);
      arrive(wrapped);
      log.error(new AggregateError(parts, 'all failed'));
      arrive(parts[1]);
    });
    expect(levels(records)).to.eql(['ERROR', 'ERROR']);
  });

  it('a stack that is printed as text is known, in its own work only', () => {
    const error = new Error('no card');
    const trace = (digit: string): string => digit.repeat(32);
    captured(() => inTrace('4', () => log.error('charge failed', error)));
    expect(isToldText(String(error.stack), trace('4'))).to.equal(true);
    expect(isToldText(String(error.stack), trace('5'))).to.equal(false);
    expect(isToldText(`${error.stack} and more`, trace('4'))).to.equal(false);
    expect(isToldText('', trace('4'))).to.equal(false);
  });

  it("the app's own words are never taken from it: a second call keeps its level and is marked", () => {
    const error = new Error('no card');
    const records = captured(() => {
      log.error('charge failed', error);
      log.error('order failed', error);
      log.fatal('giving up', error);
    });
    expect(records.map(({ message, seen }) => [message, seen])).to.eql([
      ['charge failed', undefined],
      ['order failed', true],
      ['giving up', true],
    ]);
    expect(levels(records)).to.eql(['ERROR', 'ERROR', 'FATAL']);
    const line = JSON.parse(jsonFormat()(records[1]!));
    expect(line).to.include({ 'error.seen': true, 'error.message': 'no card' });
    const [first, second] = records.map((record) => toReadableLog(record, { resource: { attributes: {} } }));
    expect(first?.attributes).not.to.have.property('error.seen');
    expect(second?.attributes).to.include({ 'error.seen': true });
  });

  it('a warning or a record that nobody got does not tell it', () => {
    const warned = new Error('retrying');
    const filtered = new Error('dropped');
    const records = captured(() => {
      log.warn('retrying', warned);
      arrive(warned);
      setProcessors([() => undefined]);
      log.error('dropped', filtered);
      setProcessors([]);
      arrive(filtered);
    });
    expect(levels(records)).to.eql(['WARN', 'ERROR', 'ERROR']);
  });

  it('a constant that is thrown in every request is news in each', () => {
    const constant = Object.freeze(new Error('timeout'));
    const records = captured(() => {
      for (const digit of ['1', '2', '2']) inTrace(digit, () => arrive(constant));
    });
    expect(records.map(({ stamp }) => stamp.traceId?.[0])).to.eql(['1', '2']);
  });

  it('outside any trace it is news again after a minute', () => {
    const constant = new Error('timeout');
    noteTold(constant, undefined, Date.now() - 61_000);
    const late = new Error('timeout');
    noteTold(late, undefined, Date.now() - 50_000);
    expect(captured(() => [arrive(constant), arrive(late)])).to.have.length(1);
  });

  it('takes the context in which it was thrown, and anything that can be thrown', () => {
    const context = inTrace('3', activeContext);
    const hostile = new Proxy(new Error('x'), {
      get() {
        throw new Error('no');
      },
    });
    const records = captured(() => {
      reportError({ logger: 'sonde.process', message: 'm', error: new Error('x'), context, level: 'FATAL' });
      for (const thrown of [null, 'text', 42, hostile]) arrive(thrown);
    });
    expect(records[0]).to.include({ level: 'FATAL', severityNumber: 21 });
    expect(records[0]?.stamp.traceId).to.equal('3'.repeat(32));
    expect(records.map((record) => record.error)).to.include.members([null, 'text', 42, hostile]);
  });
});
