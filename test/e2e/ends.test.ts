/** How the process ends: everything queued is delivered, and code and signal are Node's own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const preamble = `
const { getLogger, withSpan, counter } = require('sonde');
const log = getLogger('ends');
for (let i = 0; i < 50; i++) withSpan('work', () => log.info('working', { i }));
counter('work.done').add(50);
`;

const scripts: Record<string, string> = {
  'natural.cjs': preamble,
  'exit-code.cjs': `${preamble} process.exitCode = 3;`,
  'server.cjs': `${preamble} require('node:http').createServer(() => {}).listen(0, '127.0.0.1', () => console.log('ready'));`,
  'handled.cjs': `${preamble}
    const server = require('node:http').createServer(() => {}).listen(0, '127.0.0.1', () => console.log('ready'));
    process.once('SIGTERM', () => setTimeout(() => server.close(), 100));`,
  'shutdown.cjs': `${preamble} require('sonde').init().shutdown().then(() => log.info('after'));`,
};

for (const node of nodeVersions()) {
  describe(`ends of the process (Node ${node.name})`, function () {
    this.timeout(30_000);
    let folder: string;
    before(() => {
      folder = appFolder();
      for (const [name, text] of Object.entries(scripts)) writeFileSync(join(folder, name), text);
    });

    async function run(script: string, signal?: NodeJS.Signals, endpoint?: string) {
      const sink = await startSink();
      let sent = false;
      const startedAt = performance.now();
      const ended = await runNode(['--require', 'sonde/register', script], {
        cwd: folder,
        node: node.path,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint ?? sink.httpUrl },
        onStdout(text, kill) {
          if (signal === undefined || sent || !text.includes('ready')) return;
          sent = true;
          kill(signal);
        },
      });
      await sink.close();
      return { ended, sink, seconds: (performance.now() - startedAt) / 1000 };
    }

    function expectAll(sink: Awaited<ReturnType<typeof startSink>>): void {
      expect(sink.spans()).to.have.length(50);
      expect(sink.logs().filter((log) => log.body === 'working')).to.have.length(50);
      expect(sink.metrics().find((metric) => metric.name === 'work.done')).to.not.equal(undefined);
    }

    it('delivers everything at the natural end', async () => {
      const { ended, sink } = await run('natural.cjs');
      expect(ended).to.include({ code: 0, signal: null, stderr: '' });
      expectAll(sink);
    });

    it('keeps the exit code that the app set', async () => {
      const { ended, sink } = await run('exit-code.cjs');
      expect(ended.code).to.equal(3);
      expectAll(sink);
    });

    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      it(`delivers everything on ${signal}, stops a server app, and dies of the signal`, async () => {
        const { ended, sink } = await run('server.cjs', signal);
        expect(ended).to.include({ code: null, signal, stderr: '' });
        expectAll(sink);
      });
    }

    it("leaves a signal that the app handles to the app's own handler", async () => {
      const { ended, sink } = await run('handled.cjs', 'SIGTERM');
      expect(ended).to.include({ code: 0, signal: null });
      expectAll(sink);
    });

    it('delivers on shutdown() and goes on as a console logger', async () => {
      const { ended, sink } = await run('shutdown.cjs');
      expectAll(sink);
      expect(ended.lines.at(-1)).to.include({ message: 'after' });
      expect(ended.code).to.equal(0);
    });

    it('is held up for about 2 s at most when nobody answers, and says what was lost', async () => {
      const { ended, seconds } = await run('server.cjs', 'SIGTERM', 'http://127.0.0.1:9');
      expect(ended.signal).to.equal('SIGTERM');
      expect(seconds).to.be.lessThan(8);
      expect(ended.stderr).to.contain('127.0.0.1:9');
    });
  });
}
