/** Three ways in, one behaviour: the same app through every door and module kind, telemetry compared (A13, A26, A27). */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { requirePostgres } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const apps = join(import.meta.dirname, 'apps');

/** [what a person types, arguments, environment] */
const ways: readonly [string, string[], Record<string, string>?][] = [
  ['--require, CommonJS', ['--require', 'sonde/register', 'app.cjs']],
  ['--import, CommonJS', ['--import', 'sonde/register', 'app.cjs']],
  ['NODE_OPTIONS, CommonJS', ['app.cjs'], { NODE_OPTIONS: '--require sonde/register' }],
  ['--require, ES modules', ['--require', 'sonde/register', 'app.mjs']],
  ['--import, ES modules', ['--import', 'sonde/register', 'app.mjs']],
  ['NODE_OPTIONS, ES modules', ['app.mjs'], { NODE_OPTIONS: '--import sonde/register' }],
  ['--require, mixed modules', ['--require', 'sonde/register', 'mixed.mjs']],
  ['--import, mixed modules', ['--import', 'sonde/register', 'mixed.mjs']],
  ['init() first, CommonJS', ['init-first.cjs']],
  ['init() first, ES modules', ['init-first.mjs']],
  ['init() after the other imports, CommonJS', ['init-late.cjs']],
  ['init() after the other imports, ES modules', ['init-late.mjs']],
];

interface Outcome {
  readonly ended: Ended;
  readonly sink: OtlpSink;
}

async function runApp(
  folder: string,
  args: readonly string[],
  env: Record<string, string> = {},
  node?: string,
): Promise<Outcome> {
  const sink = await startSink();
  const ended = await runNode(args, {
    cwd: folder,
    node,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, OTEL_METRIC_EXPORT_INTERVAL: '60000', ...env },
  });
  await sink.close();
  return { ended, sink };
}

const orderLines = (ended: Ended) => ended.lines.filter((line) => line.logger === 'shop.orders');

/** The telemetry without what differs from run to run: ids, ports, times. */
function shape({ ended, sink }: Outcome): object {
  const spans = sink.spans();
  const nameOf = (id: string) => spans.find((span) => span.spanId === id)?.name ?? 'root';
  return {
    spans: spans.map((span) => `${nameOf(span.parentSpanId)} > ${span.kind} ${span.name}`).sort(),
    keys: [...new Set(spans.flatMap((span) => Object.keys(span.attributes)))].sort(),
    logs: sink
      .logs()
      .filter((log) => log.scope === 'shop.orders')
      .map((log) => log.body),
    lines: orderLines(ended).map((line) => `${line.level} ${line.message}`),
    metrics: [...new Set(sink.metrics().map((metric) => metric.name))]
      .filter((name) => /^(?:http|db)\./.test(name))
      .sort(),
  };
}

function expectOneContext({ ended, sink }: Outcome): void {
  const spans = sink.spans();
  const lines = orderLines(ended);
  const servers = spans.filter((span) => span.name === 'GET' && span.kind === 2);
  expect(lines).to.have.length(6);
  for (const line of lines) {
    const server = servers.find((span) => span.spanId === line.span_id);
    expect(server, `a server span for ${line.message}`).to.not.equal(undefined);
    expect(line.trace_id).to.equal(server?.traceId);
    expect(line.trace_flags).to.equal('01');
  }
  expect(lines.slice(0, 3).map((line) => line.correlation_id)).to.deep.equal([
    'order-7',
    'order-7',
    'order-7',
  ]);
  expect(lines[3]!.correlation_id).to.equal(lines[3]!.trace_id);
  expect(ended.lines.find((line) => line.echoed)?.echoed).to.deep.equal(['order-7', lines[3]!.trace_id]);
}

for (const node of nodeVersions()) {
  describe(`three ways in, one behaviour (Node ${node.name})`, function () {
    this.timeout(60_000);
    let folder: string;
    let reference: object;

    before(async function () {
      await requirePostgres(this);
      folder = appFolder(['pg'], apps);
      const outcome = await runApp(folder, ways[0]![1], {}, node.path);
      reference = shape(outcome);
      expect(outcome.ended.stderr).to.equal('');
    });

    it('sees a server span with a SQL span and a client span below it', () => {
      const { spans } = reference as { spans: string[] };
      expect(spans.filter((span) => span.startsWith('GET > 3 SELECT'))).to.have.length(2);
      expect(spans.filter((span) => span === 'GET > 3 GET')).to.have.length(2);
      expect(spans.filter((span) => span === 'GET > 2 GET')).to.have.length(4);
    });

    for (const [name, args, env] of ways) {
      it(`gives the same telemetry by ${name}`, async () => {
        const outcome = await runApp(folder, args, env, node.path);
        expect(outcome.ended.code, outcome.ended.stderr).to.equal(0);
        expect(shape(outcome)).to.deep.equal(reference);
        expectOneContext(outcome);
      });
    }

    for (const args of [
      ['--require', 'sonde/register', 'app.cjs'],
      ['--import', 'sonde/register', 'app.mjs'],
    ]) {
      const kind = args[2];
      it(`keeps every id with OTEL_TRACES_EXPORTER=none (${kind})`, async () => {
        const { ended, sink } = await runApp(folder, args, { OTEL_TRACES_EXPORTER: 'none' }, node.path);
        const lines = orderLines(ended);
        expect(sink.spans()).to.deep.equal([]);
        expect(
          new Set(lines.slice(0, 3).map((line) => `${line.trace_id} ${line.span_id} ${line.correlation_id}`))
            .size,
        ).to.equal(1);
        expect(lines[0]).to.include({ trace_flags: '01', correlation_id: 'order-7' });
        expect(lines[0]!.trace_id).to.match(/^[0-9a-f]{32}$/);
        expect(lines[3]!.correlation_id).to.equal(lines[3]!.trace_id);
      });

      it(`keeps every id with OTEL_TRACES_SAMPLER=always_off (${kind})`, async () => {
        const { ended, sink } = await runApp(folder, args, { OTEL_TRACES_SAMPLER: 'always_off' }, node.path);
        const lines = orderLines(ended);
        expect(sink.spans()).to.deep.equal([]);
        expect(lines).to.have.length(6);
        for (const line of lines) expect(line).to.include({ trace_flags: '00' });
        expect(lines[2]).to.include({
          trace_id: lines[0]!.trace_id,
          span_id: lines[0]!.span_id,
          correlation_id: 'order-7',
        });
      });
    }

    it('leaves a working console logger and nothing else with OTEL_SDK_DISABLED=true', async () => {
      const { ended, sink } = await runApp(folder, ways[0]![1], { OTEL_SDK_DISABLED: 'true' }, node.path);
      expect(ended.code).to.equal(0);
      expect(orderLines(ended)).to.have.length(6);
      expect(orderLines(ended)[0]).to.not.have.any.keys('trace_id', 'correlation_id');
      expect(sink.requests).to.deep.equal([]);
    });
  });
}
