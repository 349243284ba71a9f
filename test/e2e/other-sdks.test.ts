/** Beside another SDK and other copies of the API: telemetry arrives, or one line says why; never silence. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const require = createRequire(import.meta.url);

/** NodeSDK as an app sets it up, with its spans on stdout, so that a span sent twice would be seen. */
const nodeSdk = `
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { trace } = require('@opentelemetry/api');
const exporter = {
  export(spans, done) {
    for (const span of spans) console.log(JSON.stringify({ foreign: span.name, traceId: span.spanContext().traceId }));
    done({ code: 0 });
  },
  shutdown: async () => {},
  forceFlush: async () => {},
};
const startForeign = () => {
  const sdk = new NodeSDK({ traceExporter: exporter, metricReaders: [], logRecordProcessors: [], autoDetectResources: false });
  sdk.start();
  return sdk;
};
const work = () => trace.getTracer('app').startActiveSpan('work', (span) => {
  require('sonde').getLogger('app').info('inside');
  span.end();
});
`;

const useApi = `
const { trace } = require('@opentelemetry/api');
const { getLogger } = require('sonde');
trace.getTracer('app').startActiveSpan('app work', (span) => { getLogger('app').info('inside'); span.end(); });
`;

function renumber(folder: string, from: string, to: string): void {
  for (const entry of readdirSync(folder)) {
    const file = join(folder, entry);
    if (statSync(file).isDirectory()) renumber(file, from, to);
    else if (/\.(?:[cm]?js|json)$/.test(entry)) {
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(from, to));
    }
  }
}

/** The app's own copy of the API, in place of the one that came with Sonde. */
function useCopy(folder: string, source: string, version?: string): void {
  const target = join(folder, 'node_modules/@opentelemetry/api');
  rmSync(target, { recursive: true });
  cpSync(source, target, { recursive: true });
  if (version !== undefined) renumber(target, '1.10.0', version);
}

const api110 = dirname(dirname(require.resolve('@opentelemetry/api')));
const api19 = join(require.resolve('opentelemetry-api-1.9'), '../../..');

describe('beside another SDK', function () {
  this.timeout(30_000);

  async function run(
    script: string,
    options: { preload?: boolean; prepare?: (folder: string) => void; file?: string } = {},
  ) {
    const folder = appFolder(['@opentelemetry/sdk-node']);
    options.prepare?.(folder);
    const { file = 'app.cjs' } = options;
    writeFileSync(join(folder, file), script);
    const sink = await startSink();
    const preload = options.preload === false ? [] : ['--require', 'sonde/register'];
    const ended = await runNode([...preload, file], {
      cwd: folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    });
    await sink.close();
    const inside = ended.lines.find((line) => line.message === 'inside');
    const foreign = ended.lines.filter((line) => line.foreign);
    return { ended, sink, inside, foreign };
  }

  it('uses the ids of an SDK that was there first, sends no span of its own, and names it', async () => {
    const script = `${nodeSdk} const sdk = startForeign(); require('sonde').init(); work(); sdk.shutdown();`;
    const { ended, sink, inside, foreign } = await run(script, { preload: false });
    expect(ended.code, ended.stderr).to.equal(0);
    expect(foreign.map((line) => line.foreign)).to.deep.equal(['work']);
    expect(inside?.trace_id).to.equal(foreign[0]!.traceId);
    expect(sink.spans()).to.deep.equal([]);
    expect(ended.stderr.trim().split('\n')).to.have.length(1);
    expect(ended.stderr).to.contain('@opentelemetry/sdk-node').and.to.contain('SONDE_ERR_FOREIGN_SDK');
  });

  it('names an SDK of an ES module app by what it registered', async () => {
    const script = `
      import { NodeSDK } from '@opentelemetry/sdk-node';
      import { context, trace } from '@opentelemetry/api';
      import { getLogger, init } from 'sonde';
      const none = async () => {};
      const processor = { onStart() {}, onEnd() {}, forceFlush: none, shutdown: none };
      new NodeSDK({ spanProcessors: [processor], metricReaders: [], logRecordProcessors: [], autoDetectResources: false }).start();
      init();
      const { traceId } = trace.getTracer('app').startActiveSpan('work', (span) => {
        getLogger('app').info('inside');
        return span.spanContext();
      });
      console.log(JSON.stringify({ foreign: 'work', traceId }));`;
    const { ended, sink, inside, foreign } = await run(script, { preload: false, file: 'app.mjs' });
    expect(ended.code, ended.stderr).to.equal(0);
    expect(inside?.trace_id).to.equal(foreign[0]!.traceId);
    expect(sink.spans()).to.deep.equal([]);
    expect(ended.stderr.trim().split('\n')).to.have.length(1);
    expect(ended.stderr).to.match(/TracerProvider|ContextManager/);
  });

  it('keeps its own context beside an app that has registered metrics alone', async () => {
    const script = `
      const { metrics, createNoopMeter } = require('@opentelemetry/api');
      metrics.setGlobalMeterProvider(new (class AppMeters { getMeter() { return createNoopMeter(); } })());
      const { init, getLogger, withContext } = require('sonde');
      init();
      withContext({ 'user.id': 'ada' }, async () => { await null; getLogger('app').info('inside'); });`;
    const { ended, sink, inside } = await run(script, { preload: false });
    expect(ended.code, ended.stderr).to.equal(0);
    expect(inside).to.include({ 'user.id': 'ada' });
    expect(sink.requests).to.deep.equal([]);
    expect(ended.stderr.trim().split('\n')).to.have.length(1);
    expect(ended.stderr).to.contain('AppMeters');
  });

  it('refuses an SDK that starts later, with its name and the file that started it in one line', async () => {
    const script = `${nodeSdk} const sdk = startForeign(); work(); sdk.shutdown();`;
    const { ended, sink, inside, foreign } = await run(script);
    expect(foreign).to.deep.equal([]);
    expect(sink.spans().map((span) => span.name)).to.deep.equal(['work']);
    expect(inside?.trace_id).to.equal(sink.spans()[0]!.traceId);
    expect(ended.stderr.trim().split('\n')).to.have.length(1);
    expect(ended.stderr).to.contain('app.cjs').and.to.contain('SONDE_ERR_FOREIGN_SDK');
  });

  it('sees spans that the app makes through its own copy of API 1.9', async () => {
    const { ended, sink, inside } = await run(useApi, { prepare: (folder) => useCopy(folder, api19) });
    expect(sink.spans().map((span) => span.name)).to.deep.equal(['app work']);
    expect(inside?.span_id).to.equal(sink.spans()[0]!.spanId);
    expect(ended.stderr).to.equal('');
  });

  it('sees spans that the app makes through its own copy of API 1.10', async () => {
    const { ended, sink } = await run(useApi, { prepare: (folder) => useCopy(folder, api110) });
    expect(sink.spans().map((span) => span.name)).to.deep.equal(['app work']);
    expect(ended.stderr).to.equal('');
  });

  it('sees spans that the app makes through a newer API than its own', async () => {
    const { ended, sink } = await run(useApi, { prepare: (folder) => useCopy(folder, api110, '1.11.0') });
    expect(sink.spans().map((span) => span.name)).to.deep.equal(['app work']);
    expect(ended.stderr).to.equal('');
  });

  it('works after an app set its diagnostic logger through API 1.9 first', async () => {
    const script = `
      require('@opentelemetry/api').diag.setLogger({ error() {}, warn() {}, info() {}, debug() {}, verbose() {} });
      require('sonde').init();
      ${useApi}`;
    const { ended, sink } = await run(script, {
      preload: false,
      prepare: (folder) => useCopy(folder, api19),
    });
    expect(ended.code, ended.stderr).to.equal(0);
    expect(sink.spans().map((span) => span.name)).to.deep.equal(['app work']);
  });

  it('lets a package deep in the tree with a newer API take part, and says so once', async () => {
    const script = `require('deep'); ${useApi.replace("'app work'", "'top work'")}`;
    const { ended, sink } = await run(script, {
      prepare(folder) {
        const deep = join(folder, 'node_modules/deep');
        cpSync(api110, join(deep, 'node_modules/@opentelemetry/api'), { recursive: true });
        renumber(join(deep, 'node_modules/@opentelemetry/api'), '1.10.0', '1.11.0');
        writeFileSync(join(deep, 'package.json'), '{"name":"deep","version":"1.0.0"}');
        writeFileSync(
          join(deep, 'index.js'),
          "require('@opentelemetry/api').trace.getTracer('deep').startActiveSpan('deep work', (span) => span.end());",
        );
      },
    });
    expect(sink.spans().map((span) => span.name)).to.deep.equal(['deep work', 'top work']);
    expect(ended.stderr.trim().split('\n')).to.have.length(1);
    expect(ended.stderr)
      .to.contain('1.11.0')
      .and.to.contain('1.10.0')
      .and.to.contain('SONDE_ERR_API_VERSION');
  });
});
