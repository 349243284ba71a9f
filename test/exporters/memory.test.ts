import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { fileDestination } from '../../exporters/file.ts';
import { memoryDestination } from '../../exporters/memory.ts';
import type { Destination } from '../../src/logs/handler.ts';
import { recordWith } from '../logs/captured.ts';
import { child, folder, linesOf } from './log-files.ts';

const info = (message: string) => recordWith({ message });
const error = (message: string) => recordWith({ message, level: 'ERROR', severityNumber: 17 });

function written(): { target: Destination; lines: () => string[] } {
  const file = path.join(folder(), 'app.log');
  const target = fileDestination({ path: file, format: (record) => record.message });
  return { target, lines: () => linesOf(file) };
}

describe('the memory buffer', () => {
  it('writes nothing of 99 records and all with the 100th (A39)', () => {
    const { target, lines } = written();
    const memory = memoryDestination({ target });
    for (let n = 1; n <= 99; n++) memory.write(info(`${n}`));
    expect(lines()).to.deep.equal([]);
    memory.write(info('100'));
    expect(lines()).to.deep.equal(Array.from({ length: 100 }, (_, n) => `${n + 1}`));
    memory.close?.();
  });

  it('writes all, in order, with an ERROR (A39)', () => {
    const { target, lines } = written();
    const memory = memoryDestination({ target, flushLevel: 'ERROR' });
    memory.write(info('a'));
    memory.write(info('b'));
    memory.write(error('c'));
    expect(lines()).to.deep.equal(['a', 'b', 'c']);
    memory.close?.();
  });

  it('writes what waits after the interval, or never when that is off (A39)', async () => {
    const soon = written();
    const never = written();
    const buffers = [
      memoryDestination({ target: soon.target, flushIntervalMs: 30 }),
      memoryDestination({ target: never.target, flushIntervalMs: 0 }),
    ];
    for (const memory of buffers) memory.write(info('x'));
    await sleep(100);
    expect([soon.lines(), never.lines()]).to.deep.equal([['x'], []]);
    for (const memory of buffers) memory.close?.();
    expect(never.lines()).to.deep.equal(['x']);
  });

  it('writes what waits through a buffered file when the process exits or crashes, and does not hold it (A39)', async () => {
    const dir = folder();
    for (const end of ['', 'process.exit(3)', `throw new Error('boom')`]) {
      const file = path.join(dir, `${end.length}.log`);
      await child(`
        const target = fileDestination({ path: '${file}', buffered: true });
        const memory = memoryDestination({ target });
        memory.write(recordWith({ message: 'last words' }));
        ${end}
      `).ended;
      expect(linesOf(file), end).to.have.length(1);
    }
  });

  it('lets every record that its target refuses reach stderr (A17)', async () => {
    const { code, stderr } = await child(`
      const memory = memoryDestination({ capacity: 2, target: fileDestination({ path: '/dev/full' }) });
      memory.write(recordWith({ message: 'one' }));
      memory.write(recordWith({ message: 'two' }));
    `).ended;
    expect(code).to.equal(0);
    expect(stderr).to.contain('"message":"one"').and.to.contain('"message":"two"');
  });

  it('refuses a level that does not exist', () => {
    const { target } = written();
    expect(() => memoryDestination({ target, flushLevel: 'eror' as 'error' })).to.throw('flushLevel "eror"');
    target.close?.();
  });
});
