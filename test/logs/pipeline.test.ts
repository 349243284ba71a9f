import { expect } from 'chai';
import { diagnostics } from '../../src/diagnostics.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { addSink, emit, removeSink, setProcessors, setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord, Sink } from '../../src/logs/record.ts';
import { recordWith, run } from './captured.ts';

describe('the pipeline', () => {
  const log = getLogger('pipe');
  let before: readonly Sink[];
  let voice: ReturnType<typeof diagnostics.speakThrough>;
  const said: string[] = [];

  beforeEach(() => {
    said.length = 0;
    before = setSinks([]);
    voice = diagnostics.speakThrough((_, message) => void said.push(message));
  });
  afterEach(() => {
    setSinks(before);
    setProcessors([]);
    diagnostics.speakThrough(voice);
  });

  it('takes each record through the functions in order, then to every sink', () => {
    const taken: string[] = [];
    setProcessors([
      (record) => ({ ...record, message: `${record.message} 1` }),
      (record) => (record.level === 'WARN' ? undefined : record),
      (record) => ({ ...record, message: `${record.message} 2` }),
    ]);
    setSinks([
      (record) => void taken.push(`a ${record.message}`),
      (record) => void taken.push(`b ${record.message}`),
    ]);
    emit(recordWith({ message: 'm' }));
    emit(recordWith({ message: 'm', level: 'WARN' }));
    expect(taken).to.eql(['a m 1 2', 'b m 1 2']);
  });

  it('keeps a record whose function threw, as it was before', () => {
    const taken: string[] = [];
    setSinks([(record) => void taken.push(record.message)]);
    setProcessors([
      () => {
        throw new Error('no');
      },
      (record) => ({ ...record, message: `${record.message} 2` }),
    ]);
    emit(recordWith({ message: 'm' }));
    expect(taken).to.eql(['m 2']);
    expect(diagnostics.counters().get('logs.processor_errors')).to.be.at.least(1);
  });

  it('keeps a failing sink, throwing or rejecting, from the others, counts it and says so once (A17)', async () => {
    const taken: string[] = [];
    const count = diagnostics.counters().get('logs.sink_errors') ?? 0;
    setSinks([
      () => {
        throw new Error('disk full');
      },
      (async () => {
        throw new Error('later');
      }) as unknown as Sink,
      (record) => void taken.push(record.message),
    ]);
    for (let i = 0; i < 3; i++) emit(recordWith({ message: String(i) }));
    await new Promise(setImmediate);
    expect(taken).to.eql(['0', '1', '2']);
    expect(diagnostics.counters().get('logs.sink_errors')).to.equal(count + 6);
    expect(said.filter((message) => message.startsWith('A log sink failed'))).to.have.length.below(2);
  });

  it('prints on stderr what no sink would take, and nothing when there is none on purpose (A17)', () => {
    const { stdout, stderr } = run(`
      const log = getLogger('app');
      setSinks([() => { throw new Error('disk full'); }]);
      log.info('kept', { n: 1 });
      setSinks([]);
      log.info('silence');
    `);
    expect(stdout).to.equal('');
    expect(stderr)
      .to.contain('A log sink failed: disk full')
      .and.contain('"message":"kept","n":1')
      .and.not.contain('silence');
  });

  it('adds a sink once and removes it', () => {
    const taken: LogRecord[] = [];
    const sink: Sink = (record) => void taken.push(record);
    addSink(sink);
    addSink(sink);
    log.info('one');
    removeSink(sink);
    log.info('two');
    expect(taken.map((record) => record.message)).to.eql(['one']);
  });

  it('ends the run of a sink that logs', () => {
    let runs = 0;
    setSinks([
      () => {
        runs++;
        log.info('again');
      },
    ]);
    log.info('first');
    expect(runs).to.be.within(2, 20);
  });
});
