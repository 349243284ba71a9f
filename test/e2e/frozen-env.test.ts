/** Official parts read the environment by themselves; what they read there must not matter: only `env.ts` counts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { type OtlpSink, type SinkProtocol, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

/** What everybody but `env.ts` finds, whatever the process was started with. */
const wrong = {
  OTEL_SDK_DISABLED: 'true',
  OTEL_SERVICE_NAME: 'wrong',
  OTEL_RESOURCE_ATTRIBUTES: 'service.name=wrong,team=wrong,wrong=yes',
  OTEL_NODE_RESOURCE_DETECTORS: 'all',
  OTEL_NODE_ENABLED_INSTRUMENTATIONS: 'none',
  OTEL_CONFIG_FILE: '/wrong/otel.yaml',
  OTEL_LOG_LEVEL: 'verbose',
  OTEL_PROPAGATORS: 'none',
  OTEL_TRACES_SAMPLER: 'always_off',
  OTEL_TRACES_SAMPLER_ARG: '0',
  OTEL_TRACES_EXPORTER: 'none',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9/wrong',
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:9/wrong',
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://127.0.0.1:9/wrong',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'wrong',
  OTEL_EXPORTER_OTLP_HEADERS: 'x-key=wrong',
  OTEL_EXPORTER_OTLP_TIMEOUT: '1',
  OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'cumulative',
  OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'base2_exponential_bucket_histogram',
  OTEL_METRIC_EXPORT_INTERVAL: '1',
  OTEL_METRIC_EXPORT_TIMEOUT: '1',
  OTEL_METRICS_EXEMPLAR_FILTER: 'always_on',
  OTEL_BSP_MAX_QUEUE_SIZE: '1',
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1',
  OTEL_BSP_SCHEDULE_DELAY: '1',
  OTEL_BSP_EXPORT_TIMEOUT: '1',
  OTEL_BLRP_MAX_QUEUE_SIZE: '1',
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '1',
  OTEL_ATTRIBUTE_COUNT_LIMIT: '1',
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '1',
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '1',
  OTEL_SPAN_EVENT_COUNT_LIMIT: '0',
  OTEL_SPAN_LINK_COUNT_LIMIT: '0',
  SONDE_LOG_LEVEL: 'off',
  SONDE_LOG_CONSOLE: 'off',
  SONDE_OTLP: 'off',
};

/** Sonde's own reader is known by its place in the stack, as the source maps tell it. */
const trap = `
const real = process.env;
const wrong = ${JSON.stringify(wrong)};
const isOurs = () => /^ +at .*[\\\\/]src[\\\\/]config[\\\\/]env\\.ts:/m.test(new Error().stack.split('\\n').slice(2, 6).join('\\n'));
const isTrapped = (name) => typeof name === 'string' && /^(?:OTEL|SONDE)_/.test(name);
const valueOf = (name) => (isTrapped(name) && !isOurs() ? wrong[name] ?? '-1 wrong' : real[name]);
const isThere = (name) => (isTrapped(name) && !isOurs() ? name in wrong : name in real);
const frozen = new Proxy({}, {
  get: (_, name) => valueOf(name),
  has: (_, name) => isThere(name),
  ownKeys: () => (isOurs() ? Reflect.ownKeys(real) : [...new Set([...Reflect.ownKeys(real), ...Object.keys(wrong)])]),
  getOwnPropertyDescriptor: (_, name) =>
    isThere(name) ? { value: valueOf(name), enumerable: true, configurable: true, writable: true } : undefined,
  set: () => false,
  deleteProperty: () => false,
});
Object.defineProperty(process, 'env', { value: frozen });
`;

const work = `
const { trace } = require('@opentelemetry/api');
const { getLogger, withContext, withSpan, counter, histogram } = require('sonde');
console.log(JSON.stringify({ read: process.env.OTEL_SERVICE_NAME, all: { ...process.env }.OTEL_SERVICE_NAME }));
const server = require('node:http').createServer((request, response) => {
  withSpan('work', { a: 'x'.repeat(100), b: 1, c: 2 }, (span) => {
    span.addEvent('happened', { d: 1 });
    span.addLink({ context: span.spanContext() });
    getLogger('frozen').debug('inside', { long: 'y'.repeat(100), headers: request.headers.traceparent });
    counter('done').add(1);
    histogram('took').record(3);
  });
  response.end();
}).listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  require('node:http').get({ port, host: '127.0.0.1' }, (res) => res.resume().on('end', () => server.close()));
});`;

const protocols: readonly SinkProtocol[] = ['http/protobuf', 'http/json', 'grpc'];
const ways: readonly [string, string[]][] = [
  ['the preload', ['--require', 'sonde/register', 'work.cjs']],
  ['init()', ['init.cjs']],
];

function goodEnvironment(sink: OtlpSink, protocol: SinkProtocol): Record<string, string> {
  return {
    OTEL_SERVICE_NAME: 'frozen-shop',
    OTEL_RESOURCE_ATTRIBUTES: 'team=blue',
    OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? sink.grpcUrl : sink.httpUrl,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=good',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
    OTEL_METRIC_EXPORT_INTERVAL: '60000',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '1',
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '20',
    OTEL_SPAN_EVENT_COUNT_LIMIT: '5',
    SONDE_LOG_LEVEL: 'info,frozen=debug',
  };
}

/** Everything that one of the variables decides. */
function outcome({ code, stderr, lines }: Ended, sink: OtlpSink): object {
  const spans = sink.spans();
  // Whether memory is collected and the event loop looked at meanwhile is chance.
  const metrics = sink.metrics().filter(({ name }) => !/^(?:v8js\.gc|nodejs\.eventloop\.delay)\./.test(name));
  return {
    code,
    stderr,
    lines: lines
      .filter((line) => line.logger === 'frozen')
      .map(({ level, message, long }) => [level, message, long]),
    requests: [
      ...new Set(sink.requests.map((each) => `${each.signal} ${each.protocol} ${each.headers['x-key']}`)),
    ].sort(),
    compressed: sink.requests.some((each) => 'content-encoding' in each.headers),
    resources: [
      ...new Set(
        [...spans, ...sink.logs(), ...sink.metrics()].map(({ resource }) =>
          JSON.stringify([
            resource['service.name'],
            resource.team,
            resource.wrong,
            Object.keys(resource).sort(),
          ]),
        ),
      ),
    ],
    spans: spans
      .map(({ name, kind, attributes, events, links }) => [
        name,
        kind,
        Object.keys(attributes).length,
        attributes.a,
        events.length,
        links.length,
      ])
      .sort(),
    traces: new Set(spans.map((span) => span.traceId)).size,
    logs: sink
      .logs()
      .filter((log) => log.scope === 'frozen')
      .map((log) => [log.body, log.attributes.long]),
    metrics: [
      ...new Set(metrics.map(({ name, kind, temporality }) => `${name} ${kind} ${temporality}`)),
    ].sort(),
  };
}

describe('an environment that is wrong for everybody but env.ts', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = appFolder();
    writeFileSync(join(folder, 'trap.cjs'), trap);
    writeFileSync(join(folder, 'work.cjs'), work);
    writeFileSync(join(folder, 'init.cjs'), `require('sonde').init(); ${work}`);
  });

  async function run(args: readonly string[], protocol: SinkProtocol) {
    const sink = await startSink();
    const ended = await runNode(['--enable-source-maps', ...args], {
      cwd: folder,
      env: goodEnvironment(sink, protocol),
    });
    await sink.close();
    return { ended, sink };
  }

  for (const protocol of protocols) {
    for (const [name, args] of ways) {
      it(`changes nothing of what is sent by ${protocol} under ${name}`, async () => {
        const free = await run(args, protocol);
        expect(free.ended.lines[0]).to.include({ read: 'frozen-shop', all: 'frozen-shop' });
        const reference = outcome(free.ended, free.sink) as { spans: unknown[]; logs: unknown[] };
        expect(reference.spans).to.have.length(3);
        expect(reference.logs).to.deep.equal([['inside', 'y'.repeat(20)]]);

        const trapped = await run(['--require', './trap.cjs', ...args], protocol);
        expect(trapped.ended.lines[0], trapped.ended.stderr).to.include({ read: 'wrong', all: 'wrong' });
        expect(outcome(trapped.ended, trapped.sink)).to.deep.equal(reference);
      });
    }
  }
});
