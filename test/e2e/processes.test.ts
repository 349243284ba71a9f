/** Every kind of process and thread that Node.js starts: each is observed once, and what it saw is delivered. */

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanEnvironment, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const log = (text: string) => `require('sonde').getLogger('kinds').info('${text}');`;

const clusterUnit = `
  if (cluster.isPrimary) {
    const asked = { traceparent: '00-' + 'a'.repeat(32) + '-' + 'b'.repeat(16) + '-01', 'x-correlation-id': 'deploy-7' };
    extract(asked, () => cluster.fork()).on('listening', ({ port }) => {
      const ended = (response) => response.resume().on('end', () => cluster.disconnect());
      detached(() => http.get({ port, host: '127.0.0.1', agent: false }, ended));
    });
  } else {
    ${log('script')}
    http.createServer((request, response) => { ${log('request')} response.end('ok'); }).listen(0, '127.0.0.1');
  }`;

const files: Record<string, string> = {
  'package.json': '{"name":"kinds","version":"1.0.0"}',
  'one.test.cjs': `const { test } = require('node:test'); const assert = require('node:assert');
    test('adds', () => { ${log('tested')} assert.equal(1 + 1, 2); });`,
  'threads.cjs': `
    const { Worker } = require('node:worker_threads');
    ${log('main')}
    for (const name of ['first', 'second']) new Worker(__dirname + '/thread.cjs', { workerData: name });`,
  'thread.cjs': `const { workerData } = require('node:worker_threads');
    const { withSpan, getLogger, counter } = require('sonde');
    withSpan('thread work', () => getLogger('kinds').info(workerData));
    counter('thread.done').add(1);`,
  'exiting-thread.cjs': `
    const { Worker } = require('node:worker_threads');
    const worker = new Worker("const { workerData } = require('node:worker_threads');" +
      "require('sonde').getLogger('kinds').info('inline');", { eval: true });
    worker.on('exit', () => { ${log('seen its end')} });`,
  'fork.cjs': `
    const { fork } = require('node:child_process');
    ${log('parent')}
    fork(__dirname + '/forked.cjs');`,
  'forked.cjs': `${log('child')} process.disconnect();`,
  'cluster.cjs': `
    const cluster = require('node:cluster');
    const http = require('node:http');
    if (cluster.isPrimary) {
      ${log('primary')}
      let left = 2;
      for (let i = 0; i < 2; i++) cluster.fork().on('listening', ({ port }) => {
        http.get({ port, host: '127.0.0.1', agent: false }, (response) => response.resume().on('end', () => {
          if (--left === 0) cluster.disconnect();
        }));
      });
    } else {
      http.createServer((request, response) => { ${log('worker')} response.end('ok'); }).listen(0, '127.0.0.1');
    }`,
  'cluster-unit.cjs': `
    const cluster = require('node:cluster');
    const http = require('node:http');
    const { detached, extract } = require('sonde');
    ${clusterUnit}`,
  'cluster-unit.mjs': `
    import cluster from 'node:cluster';
    import http from 'node:http';
    import { createRequire } from 'node:module';
    import { detached, extract } from 'sonde';
    const require = createRequire(import.meta.url);
    ${clusterUnit}`,
};

for (const node of nodeVersions()) {
  describe(`kinds of processes and threads (Node ${node.name})`, function () {
    this.timeout(30_000);
    let folder: string;
    before(() => {
      folder = appFolder();
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      mkdirSync(join(folder, 'empty'));
    });

    async function run(args: string[], env: Record<string, string> = {}) {
      const sink = await startSink();
      const ended = await runNode(args, {
        cwd: folder,
        node: node.path,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, ...env },
      });
      await sink.close();
      expect(ended.code, ended.stderr).to.equal(0);
      expect(ended.stderr).to.equal('');
      return { ended, sink };
    }

    const bodies = (sink: OtlpSink) =>
      sink
        .logs()
        .filter((record) => record.scope === 'kinds')
        .map((record) => record.body)
        .sort();
    const instances = (sink: OtlpSink) =>
      new Set([...sink.logs(), ...sink.metrics()].map((item) => item.resource['service.instance.id'])).size;
    const names = (sink: OtlpSink) => [
      ...new Set(
        [...sink.logs(), ...sink.spans(), ...sink.metrics()].map((item) => item.resource['service.name']),
      ),
    ];

    for (const flag of ['--require', '--import']) {
      it(`observes node ${flag} sonde/register --eval, and prints nothing of its own`, async () => {
        const { ended, sink } = await run([flag, 'sonde/register', '--eval', log('inline')]);
        expect(ended.lines.map((line) => line.message)).to.include('inline');
        expect(bodies(sink)).to.deep.equal(['inline']);
        expect(String(names(sink))).to.match(/^unknown_service/);
      });

      it(`observes a script that comes by stdin (${flag})`, async () => {
        const sink = await startSink();
        const child = spawn(node.path, [flag, 'sonde/register'], {
          cwd: folder,
          env: cleanEnvironment({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl }),
        });
        child.stdin.end(log('from stdin'));
        const code = await new Promise((resolve) => child.on('close', resolve));
        await sink.close();
        expect(code).to.equal(0);
        expect(bodies(sink)).to.deep.equal(['from stdin']);
      });

      it(`lets node --test run, and sends what a test logs to the named endpoint (${flag})`, async () => {
        const { ended, sink } = await run([flag, 'sonde/register', '--test', 'one.test.cjs']);
        expect(ended.stdout)
          .to.match(/pass 1/)
          .and.to.match(/fail 0/);
        expect(bodies(sink)).to.deep.equal(['tested']);
      });
    }

    it('gives every worker thread an instance of its own and delivers at its end', async () => {
      const { sink } = await run(['--require', 'sonde/register', 'threads.cjs']);
      expect(bodies(sink)).to.deep.equal(['first', 'main', 'second']);
      expect(sink.spans().map((span) => span.name)).to.deep.equal(['thread work', 'thread work']);
      expect(instances(sink)).to.equal(3);
      expect(names(sink)).to.deep.equal(['kinds']);
      expect(sink.metrics().filter((metric) => metric.name === 'thread.done')).to.have.length(2);
    });

    it('delivers for a worker given as text, whose end the app waits for', async () => {
      const { sink } = await run(['--require', 'sonde/register', 'exiting-thread.cjs']);
      expect(bodies(sink)).to.deep.equal(['inline', 'seen its end']);
      expect(names(sink)).to.deep.equal(['kinds']);
    });

    it('observes a forked process once, flushed at its end', async () => {
      const { sink } = await run(['--require', 'sonde/register', 'fork.cjs']);
      expect(bodies(sink)).to.deep.equal(['child', 'parent']);
      expect(instances(sink)).to.equal(2);
    });

    it('observes each process of a cluster, flushed at its end', async () => {
      const { sink } = await run(['--require', 'sonde/register', 'cluster.cjs']);
      expect(bodies(sink)).to.deep.equal(['primary', 'worker', 'worker']);
      expect(instances(sink)).to.equal(3);
      expect(sink.spans().filter((span) => span.kind === 2)).to.have.length(2);
    });

    for (const [flag, file] of [
      ['--require', 'cluster-unit.cjs'],
      ['--import', 'cluster-unit.mjs'],
    ] as const) {
      it(`continues in a worker of a cluster the work that forked it, and in none of its requests: ${file} (A31)`, async () => {
        const { sink } = await run([flag, 'sonde/register', file]);
        const traceOf = (body: string) => sink.logs().find((log) => log.body === body)?.traceId;
        expect(bodies(sink)).to.deep.equal(['request', 'script']);
        expect(traceOf('script')).to.equal('a'.repeat(32));
        expect(traceOf('request')).to.not.equal('a'.repeat(32));
      });
    }
  });
}
