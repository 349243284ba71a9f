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
  'exit.cjs': `${preamble} process.exit(7);`,
  'throw.cjs': `${preamble} throw new Error('the end');`,
  'reject.cjs': `${preamble} Promise.reject(new Error('the end'));`,
  'exit-late.cjs': `${preamble} setTimeout(() => process.exit(7), 1500);`,
  'worker.cjs': `const { Worker } = require('node:worker_threads');
    new Worker(require.resolve('./exit.cjs'));`,
  'cluster.cjs': `const cluster = require('node:cluster');
    if (cluster.isPrimary) cluster.fork().on('online', () => setTimeout(() => cluster.disconnect(), 500));
    else { ${preamble} require('node:http').createServer().listen(0); }`,
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

    async function run(
      script: string,
      signal?: NodeJS.Signals,
      endpoint?: string,
      env: Record<string, string> = {},
    ) {
      const sink = await startSink();
      if (endpoint === 'hangs') sink.failAlways({ connection: 'hang' });
      let sent = false;
      const startedAt = performance.now();
      const ended = await runNode(['--require', 'sonde/register', script], {
        cwd: folder,
        node: node.path,
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: endpoint?.includes('://') ? endpoint : sink.httpUrl,
          ...(endpoint === 'grpc' && {
            OTEL_EXPORTER_OTLP_ENDPOINT: sink.grpcUrl,
            OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
          }),
          ...env,
        },
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

    for (const [name, script, code] of [
      ['process.exit', 'exit.cjs', 7],
      ['an error that nobody caught', 'throw.cjs', 1],
      ['a rejection that nobody handled', 'reject.cjs', 1],
    ] as const) {
      for (const protocol of ['http', 'grpc'] as const) {
        it(`delivers everything on ${name}, and exits as it would have (${protocol})`, async () => {
          const { ended, sink } = await run(script, undefined, protocol);
          expect(ended).to.include({ code, signal: null });
          if (code === 7) expect(ended.stderr).to.equal('');
          else {
            expect(ended.stderr).to.include('Error: the end').and.not.include('sonde.diagnostics');
            expect(sink.logs().filter(({ severityNumber }) => severityNumber === 21)).to.have.length(1);
          }
          expectAll(sink);
        });
      }
    }

    it('delivers everything when a worker thread exits', async () => {
      const { ended, sink } = await run('worker.cjs');
      expect(ended.code).to.equal(0);
      expectAll(sink);
    });

    it('delivers everything when a worker of a cluster is let go', async () => {
      const { ended, sink } = await run('cluster.cjs');
      expect(ended.code).to.equal(0);
      expectAll(sink);
    });

    for (const [what, endpoint] of [
      ['nobody answers', 'http://127.0.0.1:9'],
      ['the receiver hangs', 'hangs'],
      ['the name is not known', 'http://collector.invalid:4318'],
      ['the receiver does not speak TLS', 'https'],
    ] as const) {
      for (const script of ['exit.cjs', 'natural.cjs'] as const) {
        it(`ends in time when ${what} (${script}), and says what was lost`, async () => {
          const tls = await startSink();
          const { ended, seconds } = await run(
            script,
            undefined,
            endpoint === 'https' ? tls.httpUrl.replace('http:', 'https:') : endpoint,
          );
          await tls.close();
          expect(ended.code).to.equal(script === 'exit.cjs' ? 7 : 0);
          expect(seconds).to.be.below(5);
          expect(ended.stderr).to.include('Lost in all: ').and.include('50 spans');
        });
      }
    }

    it('is held up for about 2 s at most when nobody answers, and says what was lost', async () => {
      const { ended, seconds } = await run('server.cjs', 'SIGTERM', 'http://127.0.0.1:9');
      expect(ended.signal).to.equal('SIGTERM');
      expect(seconds).to.be.lessThan(8);
      expect(ended.stderr).to.contain('127.0.0.1:9');
    });
  });
}
