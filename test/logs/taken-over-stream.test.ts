import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { cleanEnvironment } from '../support/child.ts';
import { appFolder } from '../support/tarball.ts';

describe('a standard stream that pm2 takes over', function () {
  this.timeout(60_000);

  it('ends the app with its own exit code where the disk of its log is full', async function () {
    if (process.platform !== 'linux') this.skip();
    const folder = appFolder([]);
    // What pm2 does there, with a queue that the end of the process does not wait for.
    const container = `
      require('sonde').getLogger('shop').info('before pm2 has come');
      process.stdout.write = () => true;
      process.exitCode = 3;
      process.disconnect();`;
    writeFileSync(join(folder, 'ProcessContainer.js'), container);
    const child = fork(join(folder, 'ProcessContainer.js'), {
      cwd: folder,
      env: { ...cleanEnvironment(), SONDE_OTLP: 'off', pm_out_log_path: '/dev/full' },
      execArgv: ['--require', 'sonde/register'],
      silent: true,
    });
    const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
    expect([code, said]).to.deep.equal([3, '']);
  });
});
