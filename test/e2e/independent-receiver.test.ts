/** Elastic's mock OTLP server, a receiver that is nobody's of ours, counts what an app has sent. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';

// It brings no types.
const { MockOtlpServer } = createRequire(import.meta.url)('@elastic/mockotlpserver');
const root = join(import.meta.dirname, '../..');
const signals = ['spans', 'records', 'orders'] as const;

type Counts = Record<(typeof signals)[number], number>;

/** Elements at the end of a path through lists of lists, as the receiver has decoded them. */
function each(message: any, ...names: readonly string[]): any[] {
  return names.reduce((items: any[], name) => items.flatMap((item) => item[name] ?? []), [message]);
}

/** The last value of each series: they are cumulative. */
function ordersIn(messages: readonly unknown[]): number {
  const last = new Map<string, number>();
  for (const metric of messages.flatMap((one) => each(one, 'resourceMetrics', 'scopeMetrics', 'metrics'))) {
    if (metric.name !== 'orders') continue;
    for (const point of metric.sum.dataPoints) {
      // What was not sent is there, too, as a default.
      const value = Object.hasOwn(point, 'asInt') ? point.asInt : point.asDouble;
      last.set(JSON.stringify(point.attributes), Number(value));
    }
  }
  return [...last.values()].reduce((sum, value) => sum + value, 0);
}

describe('an independent receiver (@elastic/mockotlpserver)', () => {
  const traces: unknown[] = [];
  const logs: unknown[] = [];
  const metrics: unknown[] = [];
  const server = new MockOtlpServer({
    logLevel: 'warn',
    services: ['http', 'grpc'],
    httpHostname: '127.0.0.1',
    httpPort: 0,
    grpcHostname: '127.0.0.1',
    grpcPort: 0,
    onTrace: (message: unknown) => traces.push(message),
    onLogs: (message: unknown) => logs.push(message),
    onMetrics: (message: unknown) => metrics.push(message),
  });

  before(() => server.start());
  after(() => server.close());
  beforeEach(() => {
    for (const list of [traces, logs, metrics]) list.length = 0;
  });

  async function send(protocol: string, compression: string): Promise<Ended> {
    return runNode(['--require', 'sonde/register', 'test/fixtures/delivery/counted.mjs'], {
      cwd: root,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: String(protocol === 'grpc' ? server.grpcUrl : server.httpUrl),
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        SONDE_LOG_CONSOLE: 'off',
      },
    });
  }

  function counted(): Counts {
    const own = ({ body }: any) => /^order taken$/.test(body?.stringValue ?? '');
    return {
      spans: traces.flatMap((one) => each(one, 'resourceSpans', 'scopeSpans', 'spans')).length,
      records: logs.flatMap((one) => each(one, 'resourceLogs', 'scopeLogs', 'logRecords')).filter(own).length,
      orders: ordersIn(metrics),
    };
  }

  for (const protocol of ['http/protobuf', 'http/json', 'grpc']) {
    it(`agrees on the counts of spans, records and measurements over ${protocol}`, async () => {
      const { code, stderr } = await send(protocol, 'none');
      expect(counted(), stderr).to.deep.equal({ spans: 150, records: 75, orders: 300 });
      expect(code).to.equal(0);
    });
  }

  it('agrees on them where grpc is compressed', async () => {
    await send('grpc', 'gzip');
    expect(counted()).to.deep.equal({ spans: 150, records: 75, orders: 300 });
  });
});
