/** Official OpenTelemetry parts plug in unchanged, and never make a second span of one operation. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const packages = [
  '@fastify/otel',
  '@opentelemetry/instrumentation',
  '@opentelemetry/instrumentation-http',
  '@opentelemetry/sdk-trace',
  '@opentelemetry/sdk-metrics',
  '@prisma/instrumentation',
  'fastify',
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

  it('takes @fastify/otel, in the place of its own for fastify', async () => {
    const { ended, sink } = await run(`
      const { FastifyOtelInstrumentation } = require('@fastify/otel');
      init({ sdk: { instrumentations: [new FastifyOtelInstrumentation({ registerOnInitialization: true })] } });
      const app = require('fastify')();
      app.get('/orders/:id', async () => { getLogger('app').info('inside'); return 'ok'; });
      app.listen({ port: 0, host: '127.0.0.1' }).then(async (url) => {
        await (await fetch(url + '/orders/7')).text();
        await app.close();
      });`);
    const server = sink.spans().filter(({ kind }) => kind === 2);
    expect(server.map(({ scope, name }) => `${scope} ${name}`)).to.deep.equal(['sonde GET /orders/:id']);
    const theirs = sink.spans().filter(({ scope }) => scope === '@fastify/otel');
    expect(theirs.map(({ name }) => name)).to.include('request');
    for (const { traceId } of theirs) expect(traceId).to.equal(server[0]?.traceId);
    const inside = ended.lines.find((line) => line.message === 'inside');
    expect(theirs.map(({ spanId }) => spanId)).to.include(inside?.span_id);
    const said = ended.lines
      .map((line) => String(line.message))
      .filter((text) => text.includes('stands aside'));
    expect(said).to.deep.equal(["Sonde's own fastify stands aside for @fastify/otel of the app."]);
  });

  it('takes @prisma/instrumentation, asked as the Prisma client asks it', async () => {
    const { ended, sink } = await run(`
      const { PrismaInstrumentation } = require('@prisma/instrumentation');
      init({ sdk: { instrumentations: [new PrismaInstrumentation()] } });
      withSpan('work', () => globalThis.PRISMA_INSTRUMENTATION.helper.runInChildSpan(
        { name: 'operation', attributes: { model: 'Order' } },
        async () => getLogger('app').info('inside')));`);
    const operation = sink.spans().find(({ name }) => name === 'prisma:client:operation');
    expect(operation?.attributes).to.include({ model: 'Order' });
    expect(operation?.parentSpanId).to.equal(sink.spans().find(({ name }) => name === 'work')?.spanId);
    expect(ended.lines.find((line) => line.message === 'inside')?.span_id).to.equal(operation?.spanId);
  });

  it("leaves a user's own instrumentation as it is, names and all", async () => {
    const { sink } = await run(`
      const fs = require('node:fs');
      fs.mkdirSync('node_modules/greeter');
      fs.writeFileSync('node_modules/greeter/package.json', '{"name":"greeter","version":"1.0.0"}');
      fs.writeFileSync('node_modules/greeter/index.js', 'exports.greet = (name) => "hello " + name;');
      const { InstrumentationBase, InstrumentationNodeModuleDefinition } = require('@opentelemetry/instrumentation');
      class Greeter extends InstrumentationBase {
        constructor() { super('greeter-instrumentation', '1.0.0', {}); }
        init() {
          return new InstrumentationNodeModuleDefinition('greeter', ['*'], (exports) => {
            this._wrap(exports, 'greet', (original) => (name) => {
              const span = this.tracer.startSpan('greet', { attributes: { 'db.statement': 'a' } });
              try { return original(name); } finally { span.end(); }
            });
            return exports;
          });
        }
      }
      init({ sdk: { instrumentations: [new Greeter()] } });
      require('greeter').greet('ada');`);
    const greets = sink.spans().filter(({ scope }) => scope === 'greeter-instrumentation');
    expect(greets.map(({ name, attributes }) => [name, attributes['db.statement']])).to.deep.equal([
      ['greet', 'a'],
    ]);
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

  const served = `
    const server = require('node:http').createServer(async (request, response) => {
      counter('asked').add(1);
      await withSpan('work', () => getLogger('shop').info('asked', { url: request.url }));
      response.end('ok');
    }).listen(0, '127.0.0.1', async () => {
      const answers = [];
      for (let i = 0; i < 20; i++) {
        const answer = await fetch('http://127.0.0.1:' + server.address().port + '/' + i);
        answers.push(answer.status + (await answer.text()));
      }
      await sonde.forceFlush({ timeoutMillis: 1200 });
      const { counters, mode } = sonde.status();
      console.log(JSON.stringify({ answers: [...new Set(answers)], count: answers.length, mode, errors: counters['official.errors'] ?? 0 }));
      server.close();
      await sonde.shutdown({ timeoutMillis: 1200 });
    });`;

  const broken: Record<string, { sdk: string; says: RegExp }> = {
    'a span processor that throws': {
      sdk: '{ spanProcessors: [new (class Thrower { onStart() { fail(); } onEnd() { fail(); } forceFlush() { fail(); } shutdown() { fail(); } })()] }',
      says: /onEnd of the span processor Thrower threw: Error: broken/,
    },
    'a span processor that rejects': {
      sdk: '{ spanProcessors: [new (class Rejecter { onStart() {} onEnd() {} async forceFlush() { fail(); } async shutdown() { fail(); } })()] }',
      says: /forceFlush of the span processor Rejecter failed: Error: broken/,
    },
    'a span processor that hangs': {
      sdk: '{ spanProcessors: [new (class Hanger { onStart() {} onEnd() {} forceFlush() { return never; } shutdown() { return never; } })()] }',
      says: /forceFlush of the span processor Hanger has not answered for 900 ms/,
    },
    'a metric reader that throws': {
      sdk: `{ metricReaders: [new (class Thrower { setMetricProducer() {} selectAggregation() { fail(); } selectAggregationTemporality() { fail(); }
        selectCardinalityLimit() { fail(); } forceFlush() { fail(); } shutdown() { fail(); } })()] }`,
      says: /selectAggregation of the metric reader Thrower threw: Error: broken/,
    },
    'a metric reader that hangs': {
      sdk: '{ metricReaders: [new (class Hanger { setMetricProducer() {} forceFlush() { return never; } shutdown() { return never; } })()] }',
      says: /forceFlush of the metric reader Hanger has not answered for 900 ms/,
    },
    'a sampler that throws': {
      sdk: '{ sampler: new (class Thrower { shouldSample() { fail(); } })() }',
      says: /shouldSample of the sampler Thrower threw: Error: broken/,
    },
    'an instrumentation that throws': {
      sdk: `{ instrumentations: [{ instrumentationName: 'broken', setTracerProvider() {}, setMeterProvider() {}, enable: fail, disable: fail }] }`,
      says: /enable of the instrumentation broken threw: Error: broken/,
    },
  };

  for (const [name, { sdk, says }] of Object.entries(broken)) {
    it(`may be broken: the app serves beside ${name}, which is counted, and said once (A44)`, async () => {
      const { ended, sink } = await run(`
        const { counter } = require('sonde');
        const fail = () => { throw new Error('broken'); };
        const never = new Promise(() => {});
        const sonde = init({ sdk: ${sdk} });
        ${served}`);
      const result = ended.lines.find((line) => line.answers)!;
      expect(result).to.deep.include({ answers: ['200ok'], count: 20, mode: 'running' });
      expect(result.errors).to.be.greaterThan(0);
      expect(ended.stderr.match(new RegExp(says, 'g')), ended.stderr).to.have.length(1);
      // Sonde's own way is the same as ever.
      expect(sink.spans().filter((span) => span.name === 'work')).to.have.length(20);
      expect(sink.logs().filter((log) => log.body === 'asked')).to.have.length(20);
    });
  }

  for (const [name, body] of Object.entries({
    throws: 'fail();',
    rejects:
      'done?.({ code: 1, error: new Error("broken") }); return done ? undefined : Promise.reject(new Error("broken"));',
    hangs: 'return done ? undefined : never;',
  })) {
    it(`may be broken: the app serves beside official processors and a reader whose exporter ${name} (A44)`, async () => {
      const { ended, sink } = await run(`
        const { counter } = require('sonde');
        const { BatchSpanProcessor, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace');
        const { PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
        const fail = () => { throw new Error('broken'); };
        const never = new Promise(() => {});
        const act = (done) => { ${body} };
        const exporter = { export: (items, done) => act(done), forceFlush: async () => act(), shutdown: async () => act() };
        const sonde = init({ sdk: {
          spanProcessors: [new SimpleSpanProcessor({ exporter }), new BatchSpanProcessor({ exporter, scheduledDelayMillis: 10, exportTimeoutMillis: 300 })],
          metricReaders: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 50, exportTimeoutMillis: 40 })],
        } });
        ${served}`);
      expect(ended.lines.find((line) => line.answers)).to.deep.include({
        answers: ['200ok'],
        count: 20,
        mode: 'running',
      });
      expect(ended.stderr, 'nobody is left in the dark').to.match(
        /broken|has not answered|timed out|timeout/i,
      );
      expect(sink.spans().filter((span) => span.name === 'work')).to.have.length(20);
      expect(sink.logs().filter((log) => log.body === 'asked')).to.have.length(20);
    });
  }
});
