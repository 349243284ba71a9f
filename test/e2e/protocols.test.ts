/** One app over three protocols, compressed: what is decoded is the same, to the last of 64 bits. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const protocols = ['http/protobuf', 'http/json', 'grpc'] as const;
type Protocol = (typeof protocols)[number];

interface Outcome {
  readonly ended: Ended;
  readonly sink: OtlpSink;
}

async function run(folder: string, node: string, protocol: Protocol): Promise<Outcome> {
  const sink = await startSink();
  const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
    cwd: folder,
    node,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? sink.grpcUrl : sink.httpUrl,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-team=shop%20one',
      OTEL_SERVICE_NAME: 'shop',
      OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=one,deployment.environment.name=test',
      OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'runtime',
    },
  });
  await sink.close();
  return { ended, sink };
}

/** From run to run these differ; that they are there, and of what kind, is compared. */
const changing =
  /(?:time|unixnano|start|end|min|max|spanId|parentSpanId|process\.pid|host\.name|exception\.stacktrace)$/i;

function comparable(value: unknown, name = ''): unknown {
  if (Buffer.isBuffer(value)) return changing.test(name) ? `${value.length} bytes` : value.toString('hex');
  if (Array.isArray(value)) return value.map((item) => comparable(item, name));
  if (typeof value === 'bigint') return changing.test(name) ? value > 0n : `${value}n`;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item, key)]));
  }
  if (Number.isNaN(value)) return 'NaN';
  return typeof value === 'string' && changing.test(name) ? value.length > 0 : value;
}

function withoutProcess(resource: Record<string, unknown>): string[] {
  return Object.keys(resource).sort();
}

function shape({ sink }: Outcome): Record<string, unknown> {
  const names = new Map(sink.spans().map((span) => [span.spanId, span.name]));
  const spans = sink.spans().map((span) => ({
    ...span,
    parent: names.get(span.parentSpanId) ?? span.parentSpanId,
    parentSpanId: undefined,
    resource: withoutProcess(span.resource),
  }));
  const logs = sink
    .logs()
    .filter((log) => log.scope === 'protocols')
    .map((log) => ({ ...log, span: names.get(log.spanId), resource: withoutProcess(log.resource) }));
  // What Sonde says of itself names the protocol, and is another figure each time.
  const own = sink.metrics().filter((metric) => metric.scope !== 'sonde');
  const metrics = own.map(({ points, ...metric }) => ({
    ...metric,
    resource: withoutProcess(metric.resource),
    points: points.map(({ raw: { exemplars, ...raw }, ...point }) => ({ ...point, raw })),
  }));
  const byName = (a: { name?: string; body?: unknown }, b: { name?: string; body?: unknown }) =>
    String(a.name ?? a.body).localeCompare(String(b.name ?? b.body));
  return {
    spans: comparable(spans.sort(byName)),
    logs: comparable(logs),
    metrics: comparable(metrics.sort(byName)),
  };
}

for (const node of nodeVersions()) {
  describe(`one app, three protocols (Node ${node.name})`, function () {
    this.timeout(60_000);
    const outcomes = {} as Record<Protocol, Outcome>;

    before(async () => {
      const folder = appFolder([], join(import.meta.dirname, 'apps/protocols'));
      for (const protocol of protocols) outcomes[protocol] = await run(folder, node.path, protocol);
    });

    for (const protocol of protocols) {
      it(`sends all three signals by ${protocol}, compressed, with its headers, and nothing else`, () => {
        const { ended, sink } = outcomes[protocol];
        expect(ended).to.include({ code: 0, signal: null, stderr: '' });
        expect(sink.faults).to.deep.equal([]);
        expect([...new Set(sink.requests.map((request) => request.signal))].sort()).to.deep.equal([
          'logs',
          'metrics',
          'traces',
        ]);
        for (const { protocol: used, headers } of sink.requests) {
          expect(used).to.equal(protocol);
          expect(headers).to.include({ 'x-team': 'shop one' });
          expect(headers[protocol === 'grpc' ? 'grpc-encoding' : 'content-encoding'] ?? 'gzip').to.equal(
            'gzip',
          );
        }
      });

      it(`keeps ids and relations by ${protocol} (A26, A27)`, () => {
        const { ended, sink } = outcomes[protocol];
        const spans = new Map(sink.spans().map((span) => [span.name, span]));
        const parent = spans.get('parent');
        expect(spans.size).to.equal(4);
        expect(parent).to.include({
          traceId: '0af7651916cd43dd8448eb211c80319c',
          parentSpanId: 'b7ad6b7169203331',
          traceState: 'vendor=value,other=one',
        });
        for (const name of ['child', 'linked', 'failing']) {
          expect(spans.get(name)).to.include({ traceId: parent?.traceId, parentSpanId: parent?.spanId });
        }
        expect(spans.get('linked')?.links).to.deep.equal([
          { traceId: '1'.repeat(32), spanId: '2'.repeat(16), attributes: { why: 'retry' } },
        ]);
        const records = sink.logs().filter((log) => log.scope === 'protocols');
        const lines = ended.lines.filter((line) => line.logger === 'protocols');
        // Errors leave before the rest.
        expect(records.map((log) => [log.body, log.traceId, log.spanId])).to.have.deep.members(
          lines.map((line) => [line.message, line.trace_id, line.span_id]),
        );
        expect(records).to.have.length(4);
        for (const record of records) {
          expect(record.attributes).to.include({ correlation_id: 'order-1042', 'user.id': 42 });
        }
      });

      it(`keeps numbers to the last bit by ${protocol}`, () => {
        const { sink } = outcomes[protocol];
        const edges = sink.logs().find((log) => log.body === 'edges')!.attributes;
        expect(edges).to.include({
          safe: Number.MAX_SAFE_INTEGER,
          'smallest safe': Number.MIN_SAFE_INTEGER,
          'beyond 53 bits': 2n ** 60n,
          bigint: '9223372036854775807',
          'small bigint': '-9223372036854775808',
          'too big': '18446744073709551616',
          zero: 0,
          part: 0.1,
          tiny: 5e-324,
          huge: Number.MAX_VALUE,
          infinite: Number.NEGATIVE_INFINITY,
        });
        expect(edges.nan).to.deep.equal(Number.NaN);
        const orders = sink.metrics().find((metric) => metric.name === 'orders');
        expect(orders?.points[0]).to.deep.include({
          value: Number.MAX_SAFE_INTEGER,
          attributes: { channel: 'web', vip: true, n: 3 },
        });
        const [duration] = sink.metrics().find((metric) => metric.name === 'duration')!.points;
        expect(duration).to.deep.include({ count: 4, sum: 5_000_000_005.55, bucketCounts: [1, 1, 2] });
      });
    }

    for (const protocol of ['http/json', 'grpc'] as const) {
      it(`gives by ${protocol} what http/protobuf gives`, () => {
        const reference = shape(outcomes['http/protobuf']);
        const found = shape(outcomes[protocol]);
        for (const signal of ['spans', 'logs', 'metrics']) {
          expect(found[signal], signal).to.deep.equal(reference[signal]);
        }
      });
    }
  });
}
