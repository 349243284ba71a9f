/** structlog's processors as an ordered list of plain functions (A24). */
import { expect } from 'chai';
import { withContext } from '../../src/context/unit.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { getLogger, setLevel } from '../../src/logs/logger.ts';
import { setProcessors, setSinks } from '../../src/logs/pipeline.ts';
import { builtIn, throughEvents } from '../../src/logs/processor-parts.ts';
import type { EventProcessor, LogEvent } from '../../src/logs/processors.ts';
import type { LogRecord } from '../../src/logs/record.ts';

describe('log processors', () => {
  let records: LogRecord[] = [];
  let before: ReturnType<typeof setSinks> = [];
  const log = getLogger('processors.test');

  function use(...chain: EventProcessor[]): void {
    setProcessors([throughEvents(chain)]);
  }

  beforeEach(() => {
    records = [];
    before = setSinks([(record) => void records.push(record)]);
  });
  afterEach(() => {
    setSinks(before);
    setProcessors([]);
  });

  it('run in their order: one between two built-ins sees what the first has made (A24)', () => {
    const seen: LogEvent[] = [];
    const mine: EventProcessor = (event) => {
      seen.push({ ...event });
      return { ...event, app: 'shop' };
    };
    use(builtIn.addLoggerName(), mine, builtIn.addLogLevel(), builtIn.jsonRenderer());
    log.warning('made', { order_id: 1 });
    expect(seen).to.eql([{ event: 'made', order_id: 1, logger: 'processors.test' }]);
    expect(records[0]!.line).to.equal(
      '{"event":"made","order_id":1,"logger":"processors.test","app":"shop","level":"warning"}',
    );
    expect(records[0]).to.deep.include({ message: 'made', fields: { order_id: 1, app: 'shop' } });
  });

  it('give the line that structlog gives for its own list (A23, A24)', () => {
    use(
      ...[
        builtIn.mergeContextvars(),
        builtIn.filterByLevel(),
        builtIn.addLoggerName(),
        builtIn.addLogLevel(),
      ],
      ...[builtIn.positionalArgumentsFormatter(), builtIn.timeStamper({ fmt: 'iso' })],
      ...[builtIn.stackInfoRenderer(), builtIn.formatExcInfo(), builtIn.jsonRenderer()],
    );
    withContext({ 'user.id': 88 }, () => log.event('order_created', { order_id: 1042, total: '149.99' }));
    const line = JSON.parse(records[0]!.line!);
    expect(Object.keys(line)).to.eql([
      'event',
      'order_id',
      'total',
      'user.id',
      'logger',
      'level',
      'timestamp',
    ]);
    expect(line).to.include({ event: 'order_created', total: '149.99', 'user.id': 88, level: 'info' });
    expect(line.timestamp).to.equal(new Date(records[0]!.time).toISOString());
    expect(records[0]).to.include({ eventName: 'order_created', message: 'order_created' });
  });

  it('render positional arguments, stacks and errors, each by itself', () => {
    const record = {} as LogRecord;
    const args = builtIn.positionalArgumentsFormatter();
    expect(args({ event: 'task %s took %d ms', positional_args: ['import', 12] }, record)).to.eql({
      event: 'task import took 12 ms',
    });
    const stack = builtIn.stackInfoRenderer()({ event: 'x', stack_info: true }, record) as LogEvent;
    expect(stack.stack).to.contain('processors.test.ts');
    const failed = new Error('outer', { cause: new Error('inner') });
    const told = builtIn.formatExcInfo()({ event: 'x', exc_info: failed }, record) as LogEvent;
    expect(told.exception).to.contain('outer').and.contain('inner');
    expect(told).not.to.have.property('exc_info');
  });

  it('are pure: the event that is given stays as it is', () => {
    const record = {
      logger: 'a',
      severityNumber: 9,
      time: 1,
      stamp: { attributes: { a: 1 } },
    } as unknown as LogRecord;
    for (const [name, make] of Object.entries(builtIn)) {
      const event = Object.freeze({
        event: '%s',
        positional_args: ['x'],
        stack_info: true,
        exc_info: new Error('x'),
      });
      expect(() => (make as () => EventProcessor)()(event, record), name).not.to.throw();
    }
  });

  it('keep the error on the record, for every other destination', () => {
    const error = new Error('declined');
    use(builtIn.formatExcInfo());
    log.error('charge failed', error);
    expect(records[0]!.error).to.equal(error);
    use((event) => ({ ...event, exc_info: undefined }));
    log.error('charge failed', error);
    expect(records[1]!.error).to.equal(undefined);
  });

  it('may drop a record, and may change its level for all that comes after', () => {
    use((event) => event.event !== 'noise' && { ...event, level: 'warning' });
    log.info('noise');
    log.error('loud');
    expect(records.map(({ level, severityNumber }) => [level, severityNumber])).to.eql([['WARN', 13]]);
    setLevel('processors.test', 'error');
    use(builtIn.filterByLevel());
    log.error('passes');
    setLevel('processors.test', undefined);
    expect(records).to.have.length(2);
  });

  it('never lose a record by a failure, which is counted and said once (A24)', () => {
    const count = () => diagnostics.counters().get('logs.processor_errors') ?? 0;
    const said: string[] = [];
    const voice = diagnostics.speakThrough((_level, message) => void said.push(message));
    const begun = count();
    use(
      () => {
        throw new Error('broken');
      },
      (async (event: LogEvent) => event) as never,
      (event) => void Object.assign(event, { marked: true }),
    );
    log.info('one');
    log.info('two');
    diagnostics.speakThrough(voice);
    expect(records.map((record) => record.fields)).to.eql([{ marked: true }, { marked: true }]);
    expect(count() - begun).to.equal(4);
    expect(said).to.have.length(1);
    expect(said[0]).to.contain('Error: broken');
  });

  it('stand aside for fields that are called like parts of an event', () => {
    use((event) => event, builtIn.addLoggerName());
    log.info('made', { event: 'mine', level: 'penthouse', trace_id: 'forged' });
    expect(records[0]).to.deep.include({
      ...{ message: 'made', level: 'INFO' },
      fields: { event: 'mine', level: 'penthouse', trace_id: 'forged' },
    });
  });

  it('leave no secret in a line, whoever renders it', () => {
    use(builtIn.jsonRenderer());
    log.info('x', { password: 'hunter2', note: 'Bearer abcdef0123456789abcdef' });
    use((event) => `note=${event.note}`);
    log.info('x', { note: 'password=hunter2' });
    for (const { line } of records) expect(line).not.to.match(/hunter2|abcdef0123/);
  });
});
