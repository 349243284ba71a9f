/** A service that is told to end: requests under way finish, telemetry leaves, and the signal's own status stays. */
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const service = (more: string) => `
const { getLogger, gracefulShutdown } = require('sonde');
const log = getLogger('service');
const server = require('node:http').createServer((request, response) => {
  setTimeout(() => response.end('whole'), request.url === '/slow' ? 600 : request.url === '/endless' ? 60_000 : 0);
}).listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
${more}`;

const scripts = {
  'plain.cjs': service(`gracefulShutdown({ server, onClosed: () => log.info('closed') });`),
  'impatient.cjs': service(`gracefulShutdown({ server, timeout: 200 });`),
  'delayed.cjs': service(`gracefulShutdown({ server, delay: 400 });`),
  'beside.cjs': service(
    `gracefulShutdown({ server }); process.on('SIGTERM', () => setTimeout(() => process.exit(4), 1200));`,
  ),
  'failing.cjs': service(`gracefulShutdown({ server, onClosed: () => { throw new Error('no pool'); } });`),
};

describe('gracefulShutdown', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = appFolder();
    for (const [name, text] of Object.entries(scripts)) writeFileSync(join(folder, name), text);
  });

  function get(port: string, path: string): Promise<string> {
    return new Promise((resolve) => {
      const request = http.get({ port, host: '127.0.0.1', path }, async (response) => {
        let text = '';
        try {
          for await (const chunk of response) text += chunk;
          resolve(text);
        } catch {
          resolve('cut');
        }
      });
      request.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
    });
  }

  /** Asks for `path`, sends the signal in its midst, and asks once more after `later` milliseconds. */
  async function run(script: string, path: string, later = 0) {
    const sink = await startSink();
    const answers: Promise<string>[] = [];
    const ended = await runNode(['--require', 'sonde/register', script], {
      cwd: folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, SONDE_LOG_CONSOLE: 'off' },
      onStdout(text, kill) {
        const port = /port (\d+)/.exec(text)?.[1];
        if (port === undefined || answers.length > 0) return;
        answers.push(get(port, path));
        setTimeout(() => kill('SIGTERM'), 200);
        if (later > 0)
          answers.push(new Promise((resolve) => setTimeout(() => resolve(get(port, '/')), 200 + later)));
      },
    });
    const all = await Promise.all(answers);
    await sink.close();
    return { ended, answers: all, sink };
  }

  it('lets requests finish, calls onClosed, sends everything, and dies of the signal', async () => {
    const { ended, answers, sink } = await run('plain.cjs', '/slow', 200);
    expect(answers).to.deep.equal(['whole', 'ECONNREFUSED']);
    expect(ended).to.include({ code: null, signal: 'SIGTERM', stderr: '' });
    expect(sink.logs().map(({ body }) => body)).to.include('closed');
    expect(sink.spans().filter(({ kind }) => kind === 2)).to.have.length(1);
  });

  it('takes requests for as long as the balancer may send them', async () => {
    const { answers } = await run('delayed.cjs', '/', 150);
    expect(answers).to.deep.equal(['whole', 'whole']);
  });

  it('cuts what does not end in time', async () => {
    const { ended, answers } = await run('impatient.cjs', '/endless');
    expect(answers[0]).to.be.oneOf(['cut', 'ECONNRESET']);
    expect(ended.signal).to.equal('SIGTERM');
  });

  it("leaves the end to the app's own handler", async () => {
    const { ended, answers } = await run('beside.cjs', '/slow');
    expect(answers).to.deep.equal(['whole']);
    expect(ended).to.include({ code: 4, signal: null });
  });

  it('says so when onClosed fails, and ends all the same', async () => {
    const { ended } = await run('failing.cjs', '/');
    expect(ended.signal).to.equal('SIGTERM');
    expect(ended.stderr).to.include('no pool').and.include('SONDE_ERR_SHUTDOWN');
  });
});
