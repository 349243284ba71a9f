import { type LoggerProvider, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { apiLoggerProvider } from '../../src/logs/api-provider.ts';
import { setLevel } from '../../src/logs/logger.ts';
import { captured } from './captured.ts';

const provider: LoggerProvider = apiLoggerProvider;
const logger = provider.getLogger('lib.scope', '1.2.3');

describe('the logs API', () => {
  it('sends its records on the same way, with severity, time, ids, attributes and error', () => {
    const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
    const exception = new Error('boom');
    const [record] = captured(() =>
      logger.emit({
        severityNumber: 18,
        severityText: 'oops',
        body: 'hello',
        attributes: { a: 1 },
        timestamp: [1_700_000_000, 500_000_000],
        eventName: 'e',
        context: trace.setSpanContext(ROOT_CONTEXT, span),
        exception,
      }),
    );
    expect(record).to.deep.include({
      time: 1_700_000_000_500,
      level: 'ERROR',
      severityNumber: 18,
      logger: 'lib.scope',
      scopeVersion: '1.2.3',
      message: 'hello',
      fields: { a: 1 },
      eventName: 'e',
    });
    expect(record?.error).to.equal(exception);
    expect(record?.stamp).to.include(span);
  });

  it('reads every way to tell the time, and a missing severity by its text or as INFO', () => {
    const times = [new Date(5), 1_700_000_000_000, 10, undefined];
    const records = captured(() => {
      for (const timestamp of times) logger.emit({ body: 'x', timestamp });
      logger.emit({ body: 'x', severityText: 'warning' });
    });
    expect(records[0]?.time).to.equal(5);
    expect(records[1]?.time).to.equal(1_700_000_000_000);
    expect(records[2]?.time).to.equal(performance.timeOrigin + 10);
    expect(Math.abs((records[3]?.time ?? 0) - Date.now())).to.be.below(5_000);
    expect(records.map((record) => record.severityNumber)).to.eql([9, 9, 9, 9, 13]);
  });

  it('keeps a structured body beside its text', () => {
    const [record] = captured(() => logger.emit({ body: { a: [1] } }));
    expect(record).to.deep.include({ message: '{"a":[1]}', body: { a: [1] } });
  });

  it('obeys the level of its scope, and says whether it would', () => {
    setLevel('lib', 'error');
    expect(logger.enabled({ severityNumber: 13 })).to.equal(false);
    expect(captured(() => logger.emit({ severityNumber: 13, body: 'no' }))).to.eql([]);
    setLevel('lib', undefined);
    expect(logger.enabled({ severityNumber: 13 })).to.equal(true);
    expect(logger.enabled()).to.equal(true);
  });

  it('never throws, whatever it is given', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
      },
    );
    captured(() => {
      for (const odd of [undefined, null, 1, 'x', {}, hostile]) logger.emit(odd as object);
      logger.emit({
        timestamp: 'soon' as never,
        attributes: 5 as never,
        severityNumber: Number.NaN,
        body: Symbol() as never,
      });
      provider.getLogger(undefined as never).emit({});
    });
  });
});
