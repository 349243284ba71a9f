import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { fileDestination } from '../../exporters/file.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { recordWith } from '../logs/captured.ts';
import { child, folder, linesIn, linesOf, names, sizesIn } from './log-files.ts';

describe('a log file that its disk refuses', () => {
  it('costs no crash and no hang, keeps every line whole, says it once and resumes by itself', async () => {
    const dir = folder();
    const file = path.join(dir, 'app.log');
    const { code, stderr, stdout } = await child(
      `
      const out = fileDestination({ path: '${file}', maxBytes: 0 });
      const began = performance.now();
      let taken = 0, thrown = 0;
      const write = (n) => { try { out.write(recordWith({ message: 'line ' + n })); taken++; } catch { thrown++; } };
      for (let n = 0; n < 5000; n++) write(n);
      const full = { taken, thrown };
      fs.truncateSync('${file}');
      setTimeout(() => {
        for (let n = 5000; n < 5100; n++) write(n);
        const errors = diagnostics.counters().get('logs.file_errors.efbig');
        console.log(JSON.stringify({ full, taken, thrown, errors, millis: performance.now() - began }));
      }, 1100);
      `,
      'ulimit -f 100',
    ).ended;
    const told = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(code).to.equal(0);
    expect(told.full.thrown).to.be.greaterThan(1000);
    expect(told.full.taken + told.full.thrown).to.equal(5000);
    expect(told.taken - told.full.taken).to.equal(100);
    expect(told.errors).to.be.within(1, 5);
    expect(told.millis).to.be.lessThan(5000);
    expect(stderr.match(/cannot be written/g)).to.have.length(1);
    expect(stderr).to.contain('EFBIG');
    expect(linesOf(file)).to.have.length(100);
    for (const line of linesOf(file)) JSON.parse(line);
  });

  it('leaves no half of a line behind when the disk takes only a part', async () => {
    const dir = folder();
    const { code } = await child(
      `
      const out = fileDestination({ path: '${dir}/app.log', buffered: true, maxBytes: 0 });
      for (let n = 0; n < 5000; n++) { try { out.write(recordWith({ message: 'line ' + n })); } catch {} }
      `,
      'ulimit -f 100',
    ).ended;
    expect(code).to.equal(0);
    const found = linesOf(path.join(dir, 'app.log')).map((line) => JSON.parse(line).message);
    expect(found).to.deep.equal(found.map((_, index) => `line ${index}`));
    expect(found.length).to.be.greaterThan(300);
  });

  it('prints on stderr what a full disk has not taken when the process ends (A17)', async () => {
    const { code, stderr } = await child(`
      const out = fileDestination({ path: '/dev/full', buffered: true });
      for (let n = 0; n < 20; n++) out.write(recordWith({ message: 'line ' + n }));
    `).ended;
    expect(code).to.equal(0);
    expect(stderr).to.contain('ENOSPC').and.to.contain('make room');
    expect(stderr.match(/"line \d+"/g)).to.have.length(20);
  });

  it('goes back to the file when the path leads to a place with room again', async () => {
    const dir = folder();
    const file = path.join(dir, 'app.log');
    fs.symlinkSync('/dev/full', file);
    const { stderr } = await child(`
      setSinks([]);
      const out = fileDestination({ path: '${file}' });
      const write = (n) => deliver(recordWith({ message: 'line ' + n }), [(record) => out.write(record)]);
      write(0);
      write(1);
      fs.unlinkSync('${file}');
      setTimeout(() => { write(2); write(3); }, 1100);
    `).ended;
    expect(linesOf(file).map((line) => JSON.parse(line).message)).to.deep.equal(['line 2', 'line 3']);
    expect(stderr.match(/"line \d"/g)).to.deep.equal(['"line 0"', '"line 1"']);
  });
});

describe('a log file in a folder that its user may not change', () => {
  it('is written on beyond its limit, and says once that it cannot rotate', async () => {
    const dir = folder();
    const file = path.join(dir, 'app.log');
    fs.writeFileSync(file, '');
    fs.chmodSync(file, 0o666);
    fs.chmodSync(dir, 0o555);
    const { code, stderr } = await child(`
      const out = fileDestination({ path: '${file}', maxBytes: 1000, delay: true });
      process.getuid() === 0 && process.seteuid(65534);
      for (let n = 0; n < 50; n++) out.write(recordWith({ message: 'line ' + n }));
    `).ended;
    expect(code).to.equal(0);
    expect(stderr.match(/cannot be rotated by uid \d+: EACCES/g)).to.have.length(1);
    expect(linesIn(dir)).to.have.length(50);
  });
});

describe('a log file of several processes', () => {
  const writer = (dir: string, who: number, count: number, options: string) =>
    child(`
      const out = fileDestination({ path: '${dir}/app.log', format: (r) => r.message, ${options} });
      for (let n = 0; n < ${count}; n++) out.write(recordWith({ message: '${who} ' + n + ' ' + 'x'.repeat(80) + ' end' }));
      out.close();
    `).ended;

  function verify(dir: string, count: number): void {
    const seen = new Set(linesIn(dir));
    expect(linesIn(dir).filter((line) => !/^\d \d+ x{80} end$/.test(line))).to.deep.equal([]);
    expect(linesIn(dir)).to.have.length(4 * count);
    expect(seen.size).to.equal(4 * count);
  }

  for (const [name, options] of [
    ['each record at once', 'maxBytes: 100_000, backupCount: 60'],
    ['in buffers', 'maxBytes: 100_000, backupCount: 60, buffered: true'],
    ['with much room', 'maxBytes: 600_000, backupCount: 10'],
  ] as const) {
    it(`loses and tears no line and exceeds no size while four write and rotate, ${name} (A38)`, async function () {
      this.timeout(60_000);
      const dir = folder();
      const ended = await Promise.all([0, 1, 2, 3].map((who) => writer(dir, who, 4000, options)));
      expect(ended.map(({ stderr }) => stderr).join('')).to.equal('');
      verify(dir, 4000);
      expect(Math.max(...sizesIn(dir))).to.be.at.most(name === 'with much room' ? 600_000 : 100_000);
    });
  }

  it('has every line once while four write and backups are compressed', async function () {
    this.timeout(60_000);
    const dir = folder();
    const options = 'maxBytes: 200_000, backupCount: 60, buffered: true, gzip: true';
    await Promise.all([0, 1, 2, 3].map((who) => writer(dir, who, 5000, options)));
    verify(dir, 5000);
  });

  it('is one file for several destinations of one process, too', () => {
    const dir = folder();
    const options = {
      path: path.join(dir, 'app.log'),
      maxBytes: 1000,
      backupCount: 100,
      format: (r: LogRecord) => r.message,
    };
    const outs = [fileDestination(options), fileDestination({ ...options, buffered: true })];
    for (let n = 0; n < 1000; n++) for (const out of outs) out.write(recordWith({ message: `line ${n}` }));
    for (const out of outs) out.close?.();
    expect(linesIn(dir)).to.have.length(2000);
    expect(Math.max(...sizesIn(dir))).to.be.at.most(1000);
  });

  it('takes the lock over from a process that was killed while it held it', async () => {
    const dir = folder();
    const dead = child('');
    await dead.ended;
    const { stdout } = await child(`
      import os from 'node:os';
      let space = '-';
      try { space = fs.readlinkSync('/proc/self/ns/pid'); } catch {}
      fs.symlinkSync(os.hostname() + '/' + space + ' ${dead.pid} 1', '${dir}/.app.log.lock');
      const out = fileDestination({ path: '${dir}/app.log', maxBytes: 1000 });
      const began = performance.now();
      for (let n = 0; n < 30; n++) out.write(recordWith({ message: 'line ' + n }));
      console.log(performance.now() - began < 1000);
    `).ended;
    expect(stdout).to.equal('true\n');
    expect(names(dir)).to.contain('app.log.1').and.not.to.contain('.app.log.lock');
  });
});

describe('a log file whose process is killed while it rotates', () => {
  it('ends the half line of a dead process before it goes on', () => {
    const file = path.join(folder(), 'app.log');
    fs.writeFileSync(file, 'whole\nhal');
    const out = fileDestination({ path: file, format: (record) => record.message });
    out.write(recordWith({ message: 'next' }));
    out.close?.();
    expect(linesOf(file)).to.deep.equal(['whole', 'hal', 'next']);
  });

  it('keeps whole files and whole lines, and the next process goes on to exactly six (A38)', async function () {
    this.timeout(90_000);
    const dir = folder();
    // Killed by its own hand, in the middle of the renames of its third rotation.
    const first = await child(`
      const rename = fs.renameSync;
      let renames = 0;
      fs.renameSync = (from, to) => { if (++renames === 5) process.kill(process.pid, 'SIGKILL'); rename(from, to); };
      const out = fileDestination({ path: '${dir}/app.log', format: (r) => r.message });
      for (let n = 0; ; n++) out.write(recordWith({ message: String(n).padStart(8, '0') + ' ' + 'x'.repeat(990) }));
    `).ended;
    expect(first.signal).to.equal('SIGKILL');
    const kept = names(dir).filter((name) => !name.startsWith('.'));
    const before = kept.flatMap((name) => linesOf(path.join(dir, name))).sort();
    expect(before).to.have.length(3 * 10_485);
    expect(before.map((line) => Number(line.slice(0, 8)))).to.deep.equal(before.map((_, index) => index));

    await child(`
      const out = fileDestination({ path: '${dir}/app.log', buffered: true, format: (r) => r.message });
      for (let n = ${before.length}; n < 65_000; n++) out.write(recordWith({ message: String(n).padStart(8, '0') + ' ' + 'x'.repeat(990) }));
    `).ended;
    expect(names(dir)).to.deep.equal(['app.log', ...[1, 2, 3, 4, 5].map((n) => `app.log.${n}`)]);
    expect(Math.max(...sizesIn(dir))).to.be.at.most(10_485_760);
    const found = linesIn(dir)
      .map((line) => Number(line.slice(0, 8)))
      .sort((a, b) => a - b);
    expect(found).to.deep.equal(found.map((_, index) => 65_000 - found.length + index));
    expect(linesIn(dir).filter((line) => !/^\d{8} x{990}$/.test(line))).to.deep.equal([]);
  });

  it('survives twenty kills at any moment with whole files and at most the buffer lost', async function () {
    this.timeout(90_000);
    const dir = folder();
    for (let round = 0; round < 20; round++) {
      const running = child(`
        const out = fileDestination({ path: '${dir}/app.log', maxBytes: 20_000, backupCount: 5, buffered: ${round % 2 === 0}, format: (r) => r.message });
        fs.writeSync(1, 'writes');
        for (let n = 0; ; n++) out.write(recordWith({ message: '${round} ' + n + ' ' + 'y'.repeat(80) + ' end' }));
      `);
      await running.speaking;
      await sleep(Math.random() * 50);
      running.kill('SIGKILL');
      await running.ended;
      const files = names(dir).filter((name) => !name.startsWith('.'));
      expect(
        files.every((name) => /^app\.log(\.[1-5])?$/.test(name)),
        files.join(),
      ).to.equal(true);
      for (const name of files) {
        const text = fs.readFileSync(path.join(dir, name), 'utf8');
        expect(text.length).to.be.at.most(20_000);
        // The kernel may stop in the middle of a buffer's write: that half line stands alone, or ends the file.
        const halves = text
          .replace(/^\d+ \d+ y{80} end\n/gm, '')
          .split('\n')
          .filter(Boolean);
        for (const half of halves) expect(half).to.match(/^\d+( \d*( y*( e?n?)?)?)?$/);
      }
    }
    expect(names(dir).length).to.be.within(5, 8);
  });
});
