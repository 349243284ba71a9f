/** Official OpenTelemetry parts plug in unchanged, and never make a second span of one operation. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const packages = [
  '@opentelemetry/instrumentation-http',
  '@opentelemetry/sdk-trace',
  '@opentelemetry/sdk-metrics',
];

const request = `
const http = require('node:http');
const server = http.createServer((req, res) => { getLogger('app').info('inside'); res.end('ok'); });
server.listen(0, '127.0.0.1', () => http.get({ host: '127.0.0.1', port: server.address().port, path: '/x' }, (res) => {
  res.resume().on('end', () => { server.close(); server.closeAllConnections(); });
}));
`;

describe('official parts', function () {
  this.timeout(30_000);

  async function run(script: string) {
    const folder = appFolder(packages);
    writeFileSync(
      join(folder, 'app.cjs'),
      `const { init, getLogger, withSpan } = require('sonde');\n${script}`,
    );
    const sink = await startSink();
    const ended = await runNode(['app.cjs'], {
      cwd: folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    });
    await sink.close();
    expect(ended.code, ended.stderr).to.equal(0);
    return { ended, sink };
  }

  it('lets an official HTTP instrumentation take the place of its own', async () => {
    const { ended, sink } = await run(`
      const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
      init({ sdk: { instrumentations: [new HttpInstrumentation({ serverName: 'mine' })] } });
      ${request}`);
    const scopes = sink.spans().map((span) => `${span.kind} ${span.scope}`);
    expect(scopes.sort()).to.deep.equal([
      '2 @opentelemetry/instrumentation-http',
      '3 @opentelemetry/instrumentation-http',
    ]);
    const server = sink.spans().find((span) => span.kind === 2);
    expect(ended.lines.find((line) => line.message === 'inside')?.span_id).to.equal(server?.spanId);
    expect(ended.lines.filter((line) => String(line.message).includes('stands aside'))).to.have.length(1);
  });

  it('asks an official sampler, and hands spans to official processors', async () => {
    const { ended, sink } = await run(`
      const { SimpleSpanProcessor } = require('@opentelemetry/sdk-trace');
      const seen = [];
      const exporter = {
        export(spans, done) { seen.push(...spans.map((span) => span.name)); done({ code: 0 }); },
        shutdown: async () => {}, forceFlush: async () => {},
      };
      const sampler = {
        shouldSample: (context, traceId, name) => ({ decision: name === 'kept' ? 2 : 0 }),
        toString: () => 'by name',
      };
      init({ sdk: { sampler, spanProcessors: [new SimpleSpanProcessor({ exporter })] } });
      withSpan('dropped', () => {});
      withSpan('kept', () => {});
      setTimeout(() => console.log(JSON.stringify({ seen })), 50);`);
    expect(sink.spans().map((span) => span.name)).to.deep.equal(['kept']);
    expect(ended.lines.find((line) => line.seen)?.seen).to.deep.equal(['kept']);
  });

  it('collects for an official metric reader with official views', async () => {
    const { ended } = await run(`
      const { counter } = require('sonde');
      const { PeriodicExportingMetricReader, InMemoryMetricExporter, AggregationTemporality } = require('@opentelemetry/sdk-metrics');
      const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
      const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
      init({ sdk: { metricReaders: [reader], views: [{ instrumentName: 'orders', name: 'orders.renamed' }] } });
      counter('orders').add(2);
      reader.forceFlush().then(() => {
        const names = exporter.getMetrics().flatMap((each) => each.scopeMetrics).flatMap((each) => each.metrics);
        console.log(JSON.stringify({ names: names.map((metric) => metric.descriptor.name) }));
      });`);
    expect(ended.lines.find((line) => line.names)?.names).to.include('orders.renamed');
  });
});
