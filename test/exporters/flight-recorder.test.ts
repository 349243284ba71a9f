import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { fileDestination } from '../../exporters/file.ts';
import { type FlightRecorderOptions, flightRecorder } from '../../exporters/flight-recorder.ts';
import { type LevelName, severity } from '../../src/logs/levels.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { recordWith } from '../logs/captured.ts';
import { folder, linesOf } from './log-files.ts';

function say(
  level: LevelName,
  trace: string | undefined,
  message: string,
  parts: Partial<LogRecord> = {},
): LogRecord {
  const stamp = { ...recordWith().stamp, traceId: trace };
  return recordWith({ level, severityNumber: severity[level], message, stamp, ...parts });
}

function recorder(options: Partial<FlightRecorderOptions> = {}) {
  const file = path.join(folder(), 'app.log');
  const target = fileDestination({ path: file, format: (record) => record.message });
  const made = flightRecorder({ target, ...options });
  return { ...made, lines: () => linesOf(file) };
}

describe('the flight recorder', () => {
  it('holds what the level drops and lets it out in order when its trace errs, and no other (A39)', () => {
    const { write, lines } = recorder();
    write(say('DEBUG', 'a', 'a1'));
    write(say('DEBUG', 'b', 'b1'));
    write(say('INFO', 'a', 'a2 at once'));
    write(say('DEBUG', 'a', 'a3'));
    expect(lines()).to.deep.equal(['a2 at once']);
    write(say('ERROR', 'a', 'a4'));
    expect(lines()).to.deep.equal(['a2 at once', 'a1', 'a3', 'a4']);
    write(say('INFO', 'b', 'b2 is well'));
    expect(lines().slice(4)).to.deep.equal(['b2 is well']);
  });

  it('writes the details of a trace that has erred as they come', () => {
    const { write, lines } = recorder();
    write(say('ERROR', 'a', 'a1'));
    write(say('DEBUG', 'a', 'a2'));
    write(say('TRACE', 'a', 'below what is recorded'));
    expect(lines()).to.deep.equal(['a1', 'a2']);
  });

  it('knows a unit of work without a trace by its correlation id, and holds nothing that is nobody’s', () => {
    const { write, lines } = recorder();
    const stamp = { ...recordWith().stamp, correlationId: 'order-7' };
    write(say('DEBUG', undefined, 'nobody’s'));
    write(say('DEBUG', undefined, 'of order 7', { stamp }));
    write(say('ERROR', undefined, 'nobody’s error'));
    write(say('ERROR', undefined, 'error of order 7', { stamp }));
    expect(lines()).to.deep.equal(['nobody’s error', 'of order 7', 'error of order 7']);
  });

  it('follows the levels of loggers while they change, and leaves one that is off alone', () => {
    const { write, lines } = recorder();
    setLevel('recorder.test', 'debug');
    write(say('DEBUG', 'a', 'wanted', { logger: 'recorder.test' }));
    setLevel('recorder.test', 'off');
    write(say('DEBUG', 'a', 'off', { logger: 'recorder.test' }));
    write(say('ERROR', 'a', 'silenced', { logger: 'recorder.test' }));
    write(say('ERROR', 'a', 'error'));
    setLevel('recorder.test', undefined);
    expect(lines()).to.deep.equal(['wanted', 'error']);
  });

  it('keeps the last records of a trace, and the traces that spoke last', () => {
    const { write, lines } = recorder({ maxRecordsPerTrace: 2, maxTraces: 2 });
    for (const n of [1, 2, 3]) write(say('DEBUG', 'a', `a${n}`));
    write(say('DEBUG', 'b', 'b1'));
    write(say('DEBUG', 'c', 'c1'));
    write(say('ERROR', 'a', 'a4'));
    write(say('ERROR', 'c', 'c2'));
    expect(lines()).to.deep.equal(['a4', 'c1', 'c2']);
    for (const n of [1, 2, 3]) write(say('DEBUG', 'd', `d${n}`));
    write(say('ERROR', 'd', 'd4'));
    expect(lines().slice(3)).to.deep.equal(['d2', 'd3', 'd4']);
  });

  it('forgets the silent traces first when bytes run out, then the oldest records', () => {
    const { write, lines } = recorder({ maxBytes: 10_000 });
    const large = { fields: { text: 'x'.repeat(3000) } };
    write(say('DEBUG', 'a', 'a1', large));
    for (const n of [1, 2, 3, 4]) write(say('DEBUG', 'b', `b${n}`, large));
    write(say('ERROR', 'a', 'a2'));
    write(say('ERROR', 'b', 'b5'));
    expect(lines()).to.deep.equal(['a2', 'b3', 'b4', 'b5']);
  });

  it('forgets a trace that has been silent for too long', async () => {
    const { write, lines } = recorder({ maxAgeMillis: 20 });
    write(say('DEBUG', 'a', 'old'));
    await sleep(40);
    write(say('ERROR', 'a', 'error'));
    expect(lines()).to.deep.equal(['error']);
  });

  it('says from which level it must be given records', () => {
    expect(recorder().wantsBelow).to.equal(5);
    expect(recorder({ level: 'TRACE' }).wantsBelow).to.equal(1);
    expect(() => recorder({ level: 'loud' as 'debug' })).to.throw('"loud" is no level');
  });

  it('holds records with values of every kind', () => {
    const { write, lines } = recorder();
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    const circular: Record<string, unknown> = { list: new Array(1_000).fill(1) };
    circular.self = circular;
    const fields = {
      hostile,
      circular,
      bytes: new Uint8Array(10),
      get trap() {
        throw new Error('no');
      },
    };
    write(say('DEBUG', 'a', 'odd', { fields, error: new Error('x', { cause: circular }) }));
    write(say('ERROR', 'a', 'error'));
    expect(lines()).to.deep.equal(['odd', 'error']);
  });
});
