/** An app that logs by pino, winston and console: one line and one OTLP record each, all with the same ids (A19, A20). */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, type SinkLog, startSink } from '../support/otlp-sink.ts';
import { preloadWays } from '../support/service.ts';
import { appFolder } from '../support/tarball.ts';

const apps = join(import.meta.dirname, 'apps/bridges');
const packages = ['express', 'pino', 'winston', 'bunyan', 'log4js', '@logtape/logtape'];

for (const node of nodeVersions()) {
  describe(`pino, winston and console in one app (Node ${node.name})`, function () {
    this.timeout(60_000);
    let folder: string;

    before(() => {
      folder = appFolder(packages, apps);
    });

    async function run(
      args: readonly string[],
      env: Record<string, string> = {},
    ): Promise<[Ended, OtlpSink]> {
      const sink = await startSink();
      const all = {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
        OTEL_METRIC_EXPORT_INTERVAL: '60000',
        SONDE_ACCESS_LOG: 'off',
        ...env,
      };
      const ended = await runNode(args, { cwd: folder, node: node.path, env: all });
      await sink.close();
      expect(ended.code, ended.stderr).to.equal(0);
      return [ended, sink];
    }

    const bridgedLogs = (sink: OtlpSink): SinkLog[] =>
      sink.logs().filter(({ scope }) => scope.startsWith('shop.') || scope === 'console');

    for (const [name, args] of preloadWays) {
      it(`prints three lines and sends three records with the same ids by ${name}`, async () => {
        const [ended, sink] = await run(args);
        const server = sink.spans().find((span) => span.kind === 2)!;
        const lines = ended.stdout.split('\n').filter((line) => /order|charge/.test(line));
        expect(lines, ended.stdout).to.have.length(3);
        // Each library writes in its own time.
        const [done, ...printed] = lines.sort(
          (a, b) => Number(a.startsWith('{')) - Number(b.startsWith('{')),
        );
        expect(done).to.equal('order 7 is done');
        const ids = { trace_id: server.traceId, trace_flags: '01', correlation_id: 'order-7' };
        for (const line of printed) expect(JSON.parse(line)).to.include(ids);
        const logs = bridgedLogs(sink);
        expect(logs.map((log) => [log.scope, log.severityText, log.body])).to.deep.equal([
          ['shop.orders', 'INFO', 'order created'],
          ['shop.billing', 'WARN', 'charge refused'],
          ['console', 'INFO', 'order 7 is done'],
        ]);
        for (const log of logs) {
          expect(log.traceId).to.equal(server.traceId);
          expect(log.spanId).to.equal(server.spanId);
          expect(log.attributes.correlation_id).to.equal('order-7');
        }
        expect(logs[0]!.attributes).to.include({ orderId: 7 });
        expect(logs[1]!.attributes).to.include({
          'exception.type': 'RangeError',
          'exception.message': 'no funds',
        });
        expect(logs[2]!.attributes['code.file.path']).to.match(/app\.[cm]js$/);
      });
    }

    it('has the ids on all three lines when the console is told to have them', async () => {
      const env = { SONDE_BRIDGES__CONSOLE: 'send,inject' };
      const [ended, sink] = await run(['--import', 'sonde/register', 'app.mjs'], env);
      const lines = ended.stdout.split('\n').filter((line) => /order|charge/.test(line));
      const { traceId, spanId } = sink.spans().find((span) => span.kind === 2)!;
      expect(lines).to.have.length(3);
      for (const line of lines) expect(line).to.include(traceId).and.include(spanId).and.include('order-7');
      const logs = bridgedLogs(sink);
      expect(logs.map((log) => [log.traceId, log.spanId])).to.deep.equal(Array(3).fill([traceId, spanId]));
    });

    it('leaves everything alone when the bridges are off', async () => {
      const off = {
        SONDE_BRIDGES__PINO: 'none',
        SONDE_BRIDGES__WINSTON: 'none',
        SONDE_BRIDGES__CONSOLE: 'none',
      };
      const [ended, sink] = await run(['--import', 'sonde/register', 'app.mjs'], off);
      expect(ended.stdout).to.include('order created').and.not.include('trace_id');
      expect(bridgedLogs(sink)).to.deep.equal([]);
    });

    it('sends without injecting, or injects without sending, as each is told', async () => {
      const env = {
        SONDE_BRIDGES__PINO: 'inject',
        SONDE_BRIDGES__WINSTON: 'send',
        SONDE_BRIDGES__CONSOLE: 'inject',
      };
      const [ended, sink] = await run(['--import', 'sonde/register', 'app.mjs'], env);
      const line = (text: RegExp) => ended.stdout.split('\n').find((one) => text.test(one));
      const [order, charge, done] = [line(/order created/), line(/charge/), line(/order 7 is done/)];
      expect(order).to.include('"trace_id"');
      expect(charge).to.not.include('trace_id');
      expect(done).to.match(/^order 7 is done trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16} trace_flags=01 /);
      expect(bridgedLogs(sink).map((log) => log.scope)).to.deep.equal(['shop.billing']);
    });

    it('does not capture the console under a test runner, unless asked to', async () => {
      const args = ['--import', 'sonde/register', 'app.mjs'];
      const [, quiet] = await run(args, { NODE_ENV: 'test' });
      expect(bridgedLogs(quiet).map((log) => log.scope)).to.deep.equal(['shop.orders', 'shop.billing']);
      const [, asked] = await run(args, { NODE_ENV: 'test', SONDE_BRIDGES__CONSOLE: 'send' });
      expect(bridgedLogs(asked)).to.have.length(3);
    });

    for (const [name, args] of [
      ['ES modules', ['--import', 'sonde/register', 'others.mjs']],
      ['loggers that were made before init()', ['late.cjs']],
    ] as const) {
      it(`hears pino, bunyan, log4js, LogTape and winston in ${name}, each once`, async () => {
        const [ended, sink] = await run(args);
        const logs = sink.logs().filter(({ body }) => String(body).includes('hello'));
        expect(logs.map(({ scope }) => scope)).to.have.members([
          'by.pino',
          'by.bunyan',
          'by.log4js',
          'by.logtape',
          'by.winston',
        ]);
        const lines = ended.stdout.split('\n').filter((line) => line.includes('hello'));
        expect(lines, ended.stdout).to.have.length(5);
        const id = logs[0]!.attributes.correlation_id as string;
        expect(id).to.be.a('string');
        for (const log of logs) {
          expect(log).to.include({ severityText: 'WARN' });
          expect(log.attributes).to.include({ correlation_id: id });
        }
        for (const line of lines) expect(line).to.include(id);
      });
    }
  });
}
