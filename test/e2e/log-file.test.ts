/** `SONDE_LOG_FILE`: a rotating file beside the console, by three variables and no code (A12, A38). */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { appFolder } from '../support/tarball.ts';

describe('the log file', function () {
  this.timeout(30_000);

  async function run(script: string, env: Record<string, string>) {
    const folder = appFolder();
    writeFileSync(join(folder, 'app.cjs'), `const log = require('sonde').getLogger('app');\n${script}`);
    const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
      cwd: folder,
      env: { SONDE_OTLP: 'off', ...env },
    });
    return { folder, ended };
  }

  it('gets every line that the console gets, and rotates under the names of Python (A38)', async () => {
    const { folder, ended } = await run(`for (let i = 0; i < 100; i++) log.info('line', { i });`, {
      SONDE_LOG_FILE: 'logs/app.log',
      SONDE_LOG_FILE_MAX_BYTES: '2000',
      SONDE_LOG_FILE_BACKUPS: '20',
    });
    const logs = join(folder, 'logs');
    const files = readdirSync(logs).filter((name) => /^app\.log(?:\.\d+)?$/.test(name));
    expect(files.length).to.be.greaterThan(3);
    for (const name of files) expect(statSync(join(logs, name)).size).to.be.at.most(2000);
    const lines = files.flatMap((name) => readFileSync(join(logs, name), 'utf8').trimEnd().split('\n'));
    expect(lines.map((line) => JSON.parse(line).i).sort((a, b) => a - b)).to.deep.equal(
      ended.lines.filter((line) => line.message === 'line').map((line) => line.i),
    );
    expect(lines).to.have.length(100);
  });

  it('loses and tears no line of 65 MB but the buffer when the process is killed in a rotation (A38)', async function () {
    this.timeout(120_000);
    const folder = appFolder();
    const env = { SONDE_OTLP: 'off', SONDE_LOG_FILE: 'logs/app.log', SONDE_LOG_CONSOLE: 'off' };
    const write = `for (let n = Number(process.argv[2]); n < 65_000; n++) { globalThis.said = n; log.info('line', { n, text: 'x'.repeat(890) }); }`;
    writeFileSync(join(folder, 'app.cjs'), `const log = require('sonde').getLogger('app');\n${write}`);
    // By its own hand, between two renames of the third rotation.
    writeFileSync(
      join(folder, 'kill.cjs'),
      `const fs = require('node:fs');
       const rename = fs.renameSync;
       let renames = 0;
       fs.renameSync = (from, to) => {
         if (/app\\.log/.test(from) && ++renames === 5) {
           fs.writeSync(1, JSON.stringify({ said: globalThis.said }) + '\\n');
           process.kill(process.pid, 'SIGKILL');
         }
         rename(from, to);
       };`,
    );
    const logs = join(folder, 'logs');
    const found = () => {
      const files = readdirSync(logs).filter((name) => !name.startsWith('.'));
      const lines = files.flatMap((name) => {
        const text = readFileSync(join(logs, name), 'utf8');
        expect(text.endsWith('\n'), name).to.equal(true);
        return text.trimEnd().split('\n');
      });
      const numbers = lines.map((line) => JSON.parse(line).n as number).sort((a, b) => a - b);
      return { files, numbers };
    };
    const args = ['--require', './kill.cjs', '--require', 'sonde/register', 'app.cjs', '0'];
    const killed = await runNode(args, { cwd: folder, env, timeoutMillis: 60_000 });
    expect(killed.signal, killed.stderr).to.equal('SIGKILL');
    const { numbers } = found();
    expect(numbers).to.deep.equal(numbers.map((_, index) => index));
    // One buffer of 16 KB, and the line that is being written.
    expect(killed.lines[0]!.said - numbers.length).to.be.within(-1, 17);

    const next = ['--require', 'sonde/register', 'app.cjs', String(numbers.length)];
    const ended = await runNode(next, { cwd: folder, env, timeoutMillis: 60_000 });
    expect(ended.code, ended.stderr).to.equal(0);
    const end = found();
    expect(end.files.sort()).to.deep.equal(['app.log', ...[1, 2, 3, 4, 5].map((n) => `app.log.${n}`)]);
    for (const name of end.files) expect(statSync(join(logs, name)).size, name).to.be.at.most(10_485_760);
    expect(end.numbers).to.deep.equal(end.numbers.map((_, index) => 65_000 - end.numbers.length + index));
  });

  it('says why it cannot be written, and the app and its console go on (A17, A37)', async () => {
    const blocked = join(appFolder(), 'a-folder');
    mkdirSync(blocked);
    const { ended } = await run(`log.info('still here');`, { SONDE_LOG_FILE: blocked });
    expect(ended.code).to.equal(0);
    expect(ended.lines.some((line) => line.message === 'still here')).to.equal(true);
    expect(ended.stderr).to.contain(blocked);
  });
});
