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

  it('says why it cannot be written, and the app and its console go on (A17, A37)', async () => {
    const blocked = join(appFolder(), 'a-folder');
    mkdirSync(blocked);
    const { ended } = await run(`log.info('still here');`, { SONDE_LOG_FILE: blocked });
    expect(ended.code).to.equal(0);
    expect(ended.lines.some((line) => line.message === 'still here')).to.equal(true);
    expect(ended.stderr).to.contain(blocked);
  });
});
