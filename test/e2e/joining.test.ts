/** Two copies of Sonde in one process: the machine's, preloaded, and the app's own of another version. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { folderOf, installCopy, machineWide, remove, resourceValues } from '../support/rollout.ts';

const serve = `
const { getLogger, withContext, withSpan, correlationId, counter } = sonde;
const log = getLogger('shop');
const server = http.createServer((request, response) => {
  withContext({ 'user.id': 'ada' }, () => withSpan('charge', () => {
    counter('charges').add(1);
    log.info('asked', { seen: correlationId() ?? 'none' });
  }));
  response.end('ok');
});
server.listen(0, '127.0.0.1', () => {
  const headers = { 'X-Correlation-ID': 'order-7' };
  http.get({ port: server.address().port, host: '127.0.0.1', headers }, (response) => {
    response.resume().on('end', () => server.close());
  });
});`;

const apps: Record<string, string> = {
  'package.json': '{"name":"shop","version":"1.0.0"}',
  'logger.cjs': `const http = require('node:http'); const sonde = require('sonde'); ${serve}`,
  'logger.mjs': `import http from 'node:http'; import * as sonde from 'sonde'; ${serve}`,
  'init.cjs': `const sonde = require('sonde'); const own = sonde.init({ service: { name: 'other' } });
    console.log(JSON.stringify({ running: own.status().version, mode: own.status().mode }));
    const http = require('node:http'); ${serve}`,
};

interface Way {
  readonly name: string;
  readonly args: readonly string[];
}

const ways: readonly Way[] = [
  { name: 'takes a logger (CommonJS)', args: ['logger.cjs'] },
  { name: 'takes a logger (ES module)', args: ['logger.mjs'] },
  { name: 'calls init()', args: ['init.cjs'] },
  { name: 'preloads its own copy, too', args: ['--require', 'sonde/register', 'logger.cjs'] },
];

for (const node of nodeVersions()) {
  describe(`a second copy of Sonde (Node ${node.name})`, function () {
    this.timeout(30_000);
    let app: string;
    before(() => {
      app = folderOf(apps);
    });
    after(() => remove(app));

    async function run(version: string, args: readonly string[]) {
      installCopy(app, version);
      const sink = await startSink();
      const ended = await runNode(args, { node: node.path, cwd: app, env: machineWide(sink, node) });
      await sink.close();
      expect(ended.code, ended.stderr).to.equal(0);
      return { ended, sink };
    }

    function expectOneTelemetry(sink: OtlpSink, spans: string[]): void {
      expect(resourceValues(sink, 'service.instance.id')).to.have.length(1);
      expect(resourceValues(sink, 'service.name')).to.deep.equal(['shop']);
      expect(resourceValues(sink, 'telemetry.distro.version')).to.deep.equal(['0.1.0']);
      expect(
        sink
          .spans()
          .map((span) => span.name)
          .sort(),
      ).to.deep.equal(spans);
    }

    function lineOf(ended: Ended) {
      const lines = ended.lines.filter((line) => line.logger === 'shop');
      expect(lines).to.have.length(1);
      return lines[0]!;
    }

    for (const { name, args } of ways) {
      it(`of another minor joins the running one when the app ${name}`, async () => {
        const { ended, sink } = await run('0.2.0', args);
        expect(ended.stderr).to.equal('');
        expectOneTelemetry(sink, ['GET', 'GET', 'charge']);
        const charge = sink.spans().find((span) => span.name === 'charge')!;
        expect(lineOf(ended)).to.include({
          message: 'asked',
          trace_id: charge.traceId,
          span_id: charge.spanId,
          correlation_id: 'order-7',
          'user.id': 'ada',
          seen: 'order-7',
        });
        const sent = sink.logs().filter((log) => log.body === 'asked');
        expect(sent.map((log) => log.spanId)).to.deep.equal([charge.spanId]);
        expect(sink.metrics().find((metric) => metric.name === 'charges')?.points[0]?.value).to.equal(1);
        const told = ended.lines.find((line) => line.running);
        if (args.includes('init.cjs')) expect(told).to.include({ running: '0.1.0', mode: 'running' });
      });

      it(`of another major leaves telemetry to the running one and says one line when the app ${name}`, async () => {
        const { ended, sink } = await run('2.0.0', args);
        expect(ended.stderr.trim().split('\n'), ended.stderr).to.have.length(1);
        expect(ended.stderr).to.contain('Sonde 1.x').and.to.contain('2.0.0');
        // withSpan of the other major reaches the running tracer through the API.
        expectOneTelemetry(sink, ['GET', 'GET', 'charge']);
        const charge = sink.spans().find((span) => span.name === 'charge')!;
        expect(lineOf(ended)).to.include({ trace_id: charge.traceId, span_id: charge.spanId });
        const told = ended.lines.find((line) => line.running);
        if (args.includes('init.cjs')) expect(told).to.include({ running: '2.0.0', mode: 'guest' });
      });
    }

    it('lets tests of the app catch what the running one logs', async () => {
      writeFileSync(
        join(app, 'testing.cjs'),
        `const { captureLogs } = require('sonde/testing');
        captureLogs('shop', 'info', () => require('sonde').getLogger('shop').info('seen')).then(({ records }) =>
          console.log(JSON.stringify({ caught: records.map((record) => record.message) })));`,
      );
      const { ended } = await run('0.2.0', ['testing.cjs']);
      expect(ended.lines.find((line) => line.caught)?.caught).to.deep.equal(['seen']);
    });
  });
}
