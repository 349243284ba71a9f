import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { fileDestination } from '../../exporters/file.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { recordWith } from '../logs/captured.ts';
import { child, folder, linesIn, linesOf, names, sizesIn } from './log-files.ts';

const say = (message: string) => recordWith({ message });
const fail = (message: string) => recordWith({ message, level: 'ERROR', severityNumber: 17 });
const messages = (file: string) => linesOf(file).map((line) => JSON.parse(line).message);

/** The same words in each of these tests are told once a minute only, so they are caught here. */
function spoken(fn: () => void): string[] {
  const said: string[] = [];
  const before = diagnostics.speakThrough((_level, message) => void said.push(message));
  try {
    fn();
  } finally {
    diagnostics.speakThrough(before);
  }
  return said;
}

describe('the log file', () => {
  it('makes its folder and has every record when write returns (A37)', () => {
    const file = path.join(folder(), 'a', 'b', 'app.log');
    const out = fileDestination({ path: file });
    out.write(say('first'));
    expect(messages(file)).to.deep.equal(['first']);
    out.close?.();
    expect(() => out.write(say('late'))).to.throw('closed');
  });

  it('is opened at start, or with the first record when delayed', () => {
    const dir = folder();
    fileDestination({ path: path.join(dir, 'now.log') }).close?.();
    const later = fileDestination({ path: path.join(dir, 'later.log'), delay: true });
    expect(names(dir)).to.deep.equal(['now.log']);
    later.write(say('x'));
    later.close?.();
    expect(names(dir)).to.deep.equal(['later.log', 'now.log']);
  });

  it('says path, user and remedy at start when it cannot be written, and throws each record back (A37)', () => {
    const dir = folder();
    fs.writeFileSync(path.join(dir, 'plain'), '');
    const file = path.join(dir, 'plain', 'app.log');
    const said = spoken(() => {
      const out = fileDestination({ path: file });
      expect(() => out.write(say('x'))).to.throw();
      expect(() => out.write(say('y'))).to.throw();
    });
    expect(said).to.have.length(1);
    expect(said[0])
      .to.contain(file)
      .and.to.match(/uid \d+/)
      .and.to.contain('name another path');
  });

  it('lets what an unwritable folder refuses reach stderr, and the app live (A37, A17)', async () => {
    const dir = folder();
    fs.chmodSync(dir, 0o555);
    const { code, stderr } = await child(`
      const out = fileDestination({ path: '${dir}/app.log' , delay: true });
      process.getuid() === 0 && process.seteuid(65534);
      const log = getLogger('shop');
      setSinks([(record) => out.write(record)]);
      log.info('for somebody');
      log.info('for somebody else');
    `).ended;
    expect(code).to.equal(0);
    expect(stderr)
      .to.contain(`${dir}/app.log`)
      .and.to.contain('EACCES')
      .and.to.match(/uid \d+/);
    expect(stderr.match(/"message":"for somebody/g)).to.have.length(2);
    expect(names(dir)).to.deep.equal([]);
  });

  it('names backups like Python and keeps as many as it is told (A38)', () => {
    const dir = folder();
    const out = fileDestination({
      path: path.join(dir, 'app.log'),
      maxBytes: 60,
      backupCount: 3,
      format: (r) => r.message,
    });
    for (let n = 0; n < 50; n++) out.write(say(`line ${n} of this file`));
    out.close?.();
    expect(names(dir)).to.deep.equal(['app.log', 'app.log.1', 'app.log.2', 'app.log.3']);
    expect(linesOf(path.join(dir, 'app.log')).at(-1)).to.equal('line 49 of this file');
    expect(linesOf(path.join(dir, 'app.log.3'))[0]).to.equal('line 43 of this file');
    expect(Math.max(...sizesIn(dir))).to.be.at.most(60);
  });

  it('gives a record that fits into no file back, and says so', () => {
    const dir = folder();
    const out = fileDestination({ path: path.join(dir, 'app.log'), maxBytes: 200 });
    spoken(() => expect(() => out.write(say('x'.repeat(300)))).to.throw('fits into no file'));
    out.write(say('short'));
    out.close?.();
    expect(linesIn(dir)).to.have.length(1);
  });

  it('writes 65 MB to exactly 6 files of at most 10,485,760 bytes, no line lost or torn (A38)', function () {
    this.timeout(60_000);
    const dir = folder();
    const out = fileDestination({
      path: path.join(dir, 'app.log'),
      buffered: true,
      format: (r) => r.message,
    });
    const line = (n: number) => `${String(n).padStart(8, '0')} ${'é'.repeat(200)}`;
    const count = Math.ceil(65_000_000 / Buffer.byteLength(`${line(0)}\n`));
    for (let n = 0; n < count; n++) out.write(say(line(n)));
    out.close?.();
    expect(names(dir)).to.deep.equal(['app.log', ...[1, 2, 3, 4, 5].map((n) => `app.log.${n}`)]);
    expect(Math.max(...sizesIn(dir))).to.be.at.most(10_485_760);
    const found = ['.5', '.4', '.3', '.2', '.1', ''].flatMap((end) =>
      linesOf(path.join(dir, `app.log${end}`)),
    );
    const first = Number(found[0]!.slice(0, 8));
    expect(found).to.deep.equal(found.map((_, index) => line(first + index)));
    expect(Number(found.at(-1)!.slice(0, 8))).to.equal(count - 1);
  });

  it('compresses backups in the background (A38)', async () => {
    const dir = folder();
    const out = fileDestination({
      path: path.join(dir, 'app.log'),
      maxBytes: 3000,
      backupCount: 2,
      gzip: true,
    });
    for (let n = 0; n < 40; n++) out.write(say(`line ${n}`));
    await out.flush?.();
    out.write(say('x'.repeat(2900)));
    await out.flush?.();
    out.close?.();
    expect(names(dir)).to.deep.equal(['app.log', 'app.log.1.gz', 'app.log.2.gz']);
    expect(linesOf(path.join(dir, 'app.log.1.gz')).length).to.be.greaterThan(2);
  });

  it('closes its file by the clock and names it after the period (A38)', async () => {
    const dir = folder();
    const out = fileDestination({ path: path.join(dir, 'app.log'), when: 's', backupCount: 2 });
    for (let n = 0; n < 48; n++) {
      out.write(say(`tick ${n}`));
      await sleep(100);
    }
    out.close?.();
    const [current, ...backups] = names(dir);
    expect(current).to.equal('app.log');
    expect(backups).to.have.length(2);
    for (const name of backups) expect(name).to.match(/^app\.log\.\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/);
    const ticks = [...backups, 'app.log'].flatMap((name) => messages(path.join(dir, name)));
    expect(ticks).to.deep.equal(ticks.map((_, index) => `tick ${48 - ticks.length + index}`));
  });

  it('goes on in the new file when logrotate has moved or deleted the old one', async () => {
    const dir = folder();
    const file = path.join(dir, 'app.log');
    const out = fileDestination({ path: file });
    out.write(say('one'));
    fs.renameSync(file, `${file}-20260120`);
    await sleep(5);
    out.write(say('two'));
    fs.rmSync(file);
    await sleep(5);
    out.write(say('three'));
    out.close?.();
    expect(messages(`${file}-20260120`)).to.deep.equal(['one']);
    expect(messages(file)).to.deep.equal(['three']);
  });

  it('goes on at the beginning when copytruncate has emptied it', async () => {
    const dir = folder();
    const file = path.join(dir, 'app.log');
    const out = fileDestination({ path: file, maxBytes: 1000 });
    for (let n = 0; n < 5; n++) out.write(say('before'));
    fs.copyFileSync(file, `${file}.copy`);
    fs.truncateSync(file);
    out.write(say('after'));
    await sleep(5);
    for (let n = 0; n < 3; n++) out.write(say('after'));
    out.close?.();
    expect(messages(file)).to.deep.equal(['after', 'after', 'after', 'after']);
    expect(names(dir)).to.deep.equal(['app.log', 'app.log.copy']);
  });

  it('gathers 16 KB, and lets errors and an idle moment out at once', async () => {
    const file = path.join(folder(), 'app.log');
    const out = fileDestination({ path: file, buffered: true });
    out.write(say('waits'));
    expect(linesOf(file)).to.deep.equal([]);
    out.write(fail('now'));
    expect(messages(file)).to.deep.equal(['waits', 'now']);
    out.write(say('idle'));
    await sleep(300);
    expect(messages(file)).to.deep.equal(['waits', 'now', 'idle']);
    for (let n = 0; n < 200; n++) out.write(say('many'));
    expect(linesOf(file).length).to.be.within(100, 202);
    out.flushSync?.();
    expect(linesOf(file)).to.have.length(203);
    out.close?.();
  });

  it('loses no buffered line at exit or in a crash, and does not hold the process', async () => {
    const dir = folder();
    const ends = { exit: 'process.exit(0)', crash: `throw new Error('boom')`, end: '' };
    for (const [name, end] of Object.entries(ends)) {
      await child(`
        const out = fileDestination({ path: '${dir}/${name}.log', buffered: true });
        for (let n = 0; n < 20; n++) out.write(recordWith({ message: 'm' + n }));
        ${end}
      `).ended;
      expect(messages(path.join(dir, `${name}.log`)), name).to.have.length(20);
    }
  });

  it('answers a pipe that nobody reads with an error instead of hanging', async () => {
    const dir = folder();
    const { code, stderr } = await child(
      `const out = fileDestination({ path: '${dir}/pipe' }); process.stdout.write('lives');`,
      `mkfifo ${dir}/pipe`,
    ).ended;
    expect(code).to.equal(0);
    expect(stderr).to.contain('ENXIO');
  });
});
