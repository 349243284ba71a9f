import { createRequire } from 'node:module';
import { expect } from 'chai';
import type { Config } from '../../src/config/config.ts';
import { resolveConfig, sourceOf } from '../../src/config/resolve.ts';
import { fallbacks, variables } from '../../src/config/variables.ts';

interface Row {
  readonly path: string;
  readonly good: readonly [text: string, value: unknown];
  /** Absent where every text is right. */
  readonly bad?: string;
  readonly absent: unknown;
  /** What it needs beside it to mean something. */
  readonly beside?: Readonly<Record<string, string>>;
}

const noLimit = Number.POSITIVE_INFINITY;
const mochaVersion: string = createRequire(import.meta.url)('mocha/package.json').version;

function environmentNamed(name: string): object {
  return { 'deployment.environment.name': name };
}

const rows: Record<string, Row> = {
  LOG_LEVEL: { path: 'logs.level', good: ['debug', 'debug'], bad: 'loud', absent: 'info' },
  ENVIRONMENT: { path: 'resource', good: ['staging', environmentNamed('staging')], absent: {} },
  SENTRY_ENVIRONMENT: { path: 'resource', good: ['qa', environmentNamed('qa')], absent: {} },
  SENTRY_DSN: {
    path: 'errors.dsn',
    good: ['https://k@example.com/1', 'https://k@example.com/1'],
    absent: undefined,
  },
  SENTRY_RELEASE: { path: 'service.version', good: ['shop@1.2.3', 'shop@1.2.3'], absent: mochaVersion },
  SONDE_LOG_LEVEL: {
    path: 'logs.level',
    good: ['info,shop.orders=debug', 'info,shop.orders=debug'],
    bad: 'loud,shop=louder',
    absent: 'info',
  },
  SONDE_LOG_FORMAT: { path: 'logs.format', good: ['ECS', 'ecs'], bad: 'xml', absent: 'auto' },
  SONDE_LOG_CONSOLE: { path: 'logs.console', good: ['off', 'off'], bad: 'perhaps', absent: 'auto' },
  SONDE_LOG_FILE: { path: 'logs.file.path', good: ['logs/app.log', 'logs/app.log'], absent: undefined },
  SONDE_LOG_FILE_MAX_BYTES: {
    path: 'logs.file.maxBytes',
    good: ['1048576', 1_048_576],
    bad: '-1',
    absent: 10_485_760,
  },
  SONDE_LOG_RATE: {
    path: 'logs.rate',
    good: ['shop=100/s', 'shop=100/s'],
    bad: 'shop=many',
    absent: undefined,
  },
  SONDE_LOG_FILE_BACKUPS: { path: 'logs.file.backups', good: ['9', 9], bad: 'many', absent: 5 },
  SONDE_LOG_REQUEST_ID: { path: 'logs.requestId', good: ['on', true], bad: 'maybe', absent: false },
  SONDE_BREADCRUMBS: { path: 'logs.breadcrumbs', good: ['on', 'on'], bad: 'many', absent: 'alerts' },
  SONDE_LOG_RESOURCE: { path: 'logs.resource', good: ['on', 'on'], bad: 'maybe', absent: 'off' },
  SONDE_CORRELATION_HEADERS: {
    path: 'correlation.headers',
    good: ['X-Trace, x-b', ['X-Trace', 'x-b']],
    bad: 'not a header',
    absent: ['X-Correlation-ID', 'X-Request-ID'],
  },
  SONDE_CORRELATION_ECHO: { path: 'correlation.echo', good: ['off', false], bad: 'loud', absent: true },
  SONDE_PROPAGATE_TO: {
    path: 'correlation.propagateTo',
    good: ['api.example.com,*', ['api.example.com', '*']],
    bad: 'a host',
    absent: [],
  },
  SONDE_IGNORE_PATHS: {
    path: 'http.ignorePaths',
    good: ['/up,/static/*', ['/up', '/static/*']],
    bad: 'up',
    absent: ['/healthz', '/readyz', '/livez', '/health', '/metrics'],
  },
  SONDE_ADMIN_PORT: { path: 'admin.port', good: ['9465', 9_465], bad: '99999', absent: undefined },
  SONDE_ADMIN_HOST: { path: 'admin.host', good: ['0.0.0.0', '0.0.0.0'], absent: undefined },
  SONDE_ADMIN_TOKEN: { path: 'admin.token', good: ['s3cr3t', 's3cr3t'], absent: undefined },
  SONDE_HEALTH: { path: 'health.at', good: ['App', 'app'], bad: 'everywhere', absent: 'admin' },
  SONDE_ALLOWED_HOSTS: {
    path: 'security.allowedHosts',
    good: ['.shop.example, localhost', ['.shop.example', 'localhost']],
    bad: 'a host',
    absent: [],
  },
  SONDE_ACCESS_LOG: { path: 'accessLog.mode', good: ['Errors', 'errors'], bad: 'some', absent: 'on' },
  SONDE_REDACT: { path: 'privacy.redact', good: ['off', false], bad: 'partly', absent: true },
  SONDE_REDACT_ALLOW: {
    path: 'privacy.allowKeys',
    good: ['session.id, order.token', ['session.id', 'order.token']],
    bad: ',',
    absent: [],
  },
  SONDE_REDACT_PERSONAL: {
    path: 'privacy.personal',
    good: ['Email, ip', ['email', 'ip']],
    bad: 'shoe-size',
    absent: [],
  },
  SONDE_REDACT_PATTERN: {
    path: 'privacy.patterns',
    good: ['cust-\\d+|acct-\\d+', [/cust-\d+|acct-\d+/gu]],
    bad: '(',
    absent: [],
  },
  SONDE_REDACT_KEYS: {
    path: 'privacy.redactKeys',
    good: ['iban, card', ['iban', 'card']],
    bad: ',',
    absent: [],
  },
  SONDE_SAMPLING_RULES: {
    path: 'traces.rules',
    good: [
      'route=/checkout/* keep; http.request.method=OPTIONS drop; kind=consumer 0.1 5/s',
      [
        { route: '/checkout/*', sample: 'keep' },
        { attributes: { 'http.request.method': 'OPTIONS' }, sample: 'drop' },
        { kind: 'consumer', sample: 0.1, perSecond: 5 },
      ],
    ],
    bad: 'route=/checkout',
    absent: [],
  },
  SONDE_TAIL_SLOW: {
    path: 'traces.tail.slow',
    good: ['500ms,/reports/*=10s,poll=off', '500ms,/reports/*=10s,poll=off'],
    bad: '1000',
    absent: '1s',
  },
  SONDE_TAIL_DETAILS: { path: 'traces.tail.details', good: ['TRACE', 'trace'], bad: 'info', absent: 'debug' },
  SONDE_TAIL_LOGS: { path: 'traces.tail.logs', good: ['all', 'all'], bad: 'some', absent: 'details' },
  SONDE_TAIL_MAX_TRACES: { path: 'traces.tail.maxTraces', good: ['500', 500], bad: '0', absent: 2_000 },
  SONDE_TAIL_MAX_BYTES: {
    path: 'traces.tail.maxBytes',
    good: ['1000000', 1_000_000],
    bad: '1MB',
    absent: 8_388_608,
  },
  SONDE_TAIL_MAX_AGE: { path: 'traces.tail.maxAgeMillis', good: ['5000', 5_000], bad: '5s', absent: 30_000 },
  SONDE_TRACES_PER_SECOND: { path: 'traces.tracesPerSecond', good: ['0.5', 0.5], bad: '0', absent: noLimit },
  SONDE_SLOW_QUERY_MS: { path: 'db.slowQueryMillis', good: ['250', 250], bad: 'soon', absent: 500 },
  SONDE_POOL_WAIT_MS: { path: 'db.poolWaitMillis', good: ['250', 250], bad: 'soon', absent: 500 },
  SONDE_QUEUE_DEPTH: { path: 'messaging.depth', good: ['on', true], bad: 'often', absent: false },
  SONDE_HOST_METRICS: { path: 'metrics.host', good: ['on', true], bad: 'often', absent: false },
  SONDE_RELOAD_SIGNAL: {
    path: 'reloadSignal',
    good: ['sighup', 'SIGHUP'],
    bad: 'SIGKILL',
    absent: undefined,
  },
  SONDE_SPOOL_DIR: { path: 'spool.dir', good: ['/var/spool/shop', '/var/spool/shop'], absent: undefined },
  SONDE_SPOOL_MAX_BYTES: {
    path: 'spool.maxBytes',
    good: ['1048576', 1_048_576],
    bad: '50MB',
    absent: 52_428_800,
  },
  SONDE_MEMORY_MAX_BYTES: {
    path: 'memory.maxBytes',
    good: ['1048576', 1_048_576],
    bad: '0',
    absent: 33_554_432,
  },
  SONDE_OTLP: { path: 'otlp.off', good: ['OFF', true], bad: 'perhaps', absent: false },
  SONDE_OTLP_FILE_DIR: { path: 'otlpFile.dir', good: ['/var/otlp', '/var/otlp'], absent: 'otlp' },
  SONDE_OTLP_FILE_MAX_BYTES: {
    path: 'otlpFile.maxBytes',
    good: ['1048576', 1_048_576],
    bad: '-1',
    absent: 10_485_760,
  },
  SONDE_OTLP_FILE_BACKUPS: { path: 'otlpFile.backups', good: ['9', 9], bad: 'many', absent: 5 },
  SONDE_PREFER: { path: 'instrumentations.prefer', good: ['OWN', 'own'], bad: 'mine', absent: 'official' },
  SONDE_FLUSH_EACH: { path: 'flushEach', good: ['true', true], bad: 'sometimes', absent: false },
  SONDE_DEBUG: { path: 'debug', good: ['1', true], bad: 'very', absent: false },

  OTEL_SDK_DISABLED: { path: 'disabled', good: ['True', true], bad: 'yes', absent: false },
  OTEL_RESOURCE_ATTRIBUTES: {
    path: 'resource',
    good: [
      'team=a%2Cb,deployment.environment.name=prod',
      { team: 'a,b', 'deployment.environment.name': 'prod' },
    ],
    bad: 'team=a,broken',
    absent: {},
  },
  OTEL_SERVICE_NAME: { path: 'service.name', good: ['shop', 'shop'], absent: 'mocha' },
  OTEL_LOG_LEVEL: { path: 'diagnostics.level', good: ['VERBOSE', 'debug'], bad: 'loud', absent: 'info' },
  OTEL_PROPAGATORS: {
    path: 'propagators',
    good: ['b3, TraceContext,b3', ['b3', 'tracecontext']],
    bad: 'pigeon',
    absent: ['tracecontext', 'baggage'],
  },
  OTEL_TRACES_SAMPLER: {
    path: 'traces.sampler',
    good: ['ALWAYS_OFF', 'always_off'],
    bad: 'sometimes',
    absent: 'parentbased_always_on',
  },
  OTEL_TRACES_SAMPLER_ARG: {
    path: 'traces.samplerArg',
    good: ['0.25', 0.25],
    bad: '1.5',
    absent: 1,
    beside: { OTEL_TRACES_SAMPLER: 'traceidratio' },
  },
  OTEL_TRACES_EXPORTER: {
    path: 'traces.exporters',
    good: ['OTLP,console,otlp', ['otlp', 'console']],
    bad: 'pigeon',
    absent: ['otlp'],
  },
  OTEL_METRICS_EXPORTER: { path: 'metrics.exporters', good: ['none', []], bad: 'pigeon', absent: ['otlp'] },
  OTEL_LOGS_EXPORTER: {
    path: 'logs.exporters',
    good: ['console', ['console']],
    bad: 'pigeon',
    absent: ['otlp'],
  },
  OTEL_NODE_ENABLED_INSTRUMENTATIONS: {
    path: 'instrumentations.enabled',
    good: ['http,PG', ['http', 'pg']],
    bad: 'a b',
    absent: undefined,
  },
  OTEL_NODE_DISABLED_INSTRUMENTATIONS: {
    path: 'instrumentations.disabled',
    good: ['sqlite', ['sqlite']],
    bad: 'a b',
    absent: [],
  },

  OTEL_BSP_SCHEDULE_DELAY: millis('traces.batch.scheduleDelayMillis', 5_000),
  OTEL_BSP_EXPORT_TIMEOUT: millis('traces.batch.exportTimeoutMillis', 30_000),
  OTEL_BSP_MAX_QUEUE_SIZE: count('traces.batch.maxQueueSize', 2_048),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count('traces.batch.maxExportBatchSize', 512),
  OTEL_BLRP_SCHEDULE_DELAY: millis('logs.batch.scheduleDelayMillis', 1_000),
  OTEL_BLRP_EXPORT_TIMEOUT: millis('logs.batch.exportTimeoutMillis', 30_000),
  OTEL_BLRP_MAX_QUEUE_SIZE: count('logs.batch.maxQueueSize', 2_048),
  OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: count('logs.batch.maxExportBatchSize', 512),

  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: millis('logs.attributeValueLengthLimit', noLimit),
  OTEL_ATTRIBUTE_COUNT_LIMIT: millis('traces.limits.attributeCountLimit', 128),
  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: millis('traces.limits.attributeValueLengthLimit', noLimit),
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: millis('traces.limits.attributeCountLimit', 128),
  OTEL_SPAN_EVENT_COUNT_LIMIT: millis('traces.limits.eventCountLimit', 128),
  OTEL_SPAN_LINK_COUNT_LIMIT: millis('traces.limits.linkCountLimit', 128),
  OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: millis('traces.limits.attributePerEventCountLimit', 128),
  OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: millis('traces.limits.attributePerLinkCountLimit', 128),
  OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT: millis('logs.attributeValueLengthLimit', noLimit),
  OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT: millis('logs.attributeCountLimit', 128),

  OTEL_METRIC_EXPORT_INTERVAL: {
    path: 'metrics.exportIntervalMillis',
    good: ['90000', 90_000],
    bad: '0',
    absent: 60_000,
  },
  OTEL_METRIC_EXPORT_TIMEOUT: millis('metrics.exportTimeoutMillis', 30_000),
  OTEL_EXPORTER_PROMETHEUS_HOST: {
    path: 'metrics.prometheus.host',
    good: ['0.0.0.0', '0.0.0.0'],
    absent: '127.0.0.1',
  },
  OTEL_EXPORTER_PROMETHEUS_PORT: {
    path: 'metrics.prometheus.port',
    good: ['9090', 9_090],
    bad: '70000',
    absent: 9_464,
  },
  OTEL_METRICS_EXEMPLAR_FILTER: {
    path: 'metrics.exemplarFilter',
    good: ['Always_On', 'always_on'],
    bad: 'often',
    absent: 'trace_based',
  },
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: {
    path: 'metrics.temporality',
    good: ['LowMemory', 'lowmemory'],
    bad: 'eternal',
    absent: 'cumulative',
  },
  OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: {
    path: 'metrics.histogramAggregation',
    good: ['BASE2_exponential_bucket_histogram', 'base2_exponential_bucket_histogram'],
    bad: 'bins',
    absent: 'explicit_bucket_histogram',
  },

  ...otlp('', 'traces', 'https://c:1/x', 'https://c:1/x/v1/traces'),
  ...otlp('TRACES_', 'traces', 'https://c:1', 'https://c:1/'),
  ...otlp('METRICS_', 'metrics', 'https://c:1/v1/metrics/', 'https://c:1/v1/metrics/'),
  ...otlp('LOGS_', 'logs', 'https://c:1/in?a=b', 'https://c:1/in?a=b'),
};

function millis(path: string, absent: number): Row {
  return { path, good: ['64', 64], bad: '-5', absent };
}

function count(path: string, absent: number): Row {
  return { path, good: ['64', 64], bad: '0', absent };
}

function otlp(infix: string, signal: string, endpoint: string, final: string): Record<string, Row> {
  const name = (suffix: string): string => `OTEL_EXPORTER_OTLP_${infix}${suffix}`;
  const path = (field: string): string => `otlp.${signal}.${field}`;
  const pem = (field: string): Row => ({ path: path(field), good: ['/x.pem', '/x.pem'], absent: undefined });
  return {
    [name('ENDPOINT')]: {
      path: path('endpoint'),
      good: [endpoint, final],
      bad: 'collector:4318',
      absent: `http://localhost:4318/v1/${signal}`,
    },
    [name('HEADERS')]: {
      path: path('headers'),
      good: ['Api-Key=a%20b, x=1=2', { 'api-key': 'a b', x: '1=2' }],
      bad: 'nothing',
      absent: {},
    },
    [name('PROTOCOL')]: {
      path: path('protocol'),
      good: [' HTTP/JSON ', 'http/json'],
      bad: 'tcp',
      absent: 'http/protobuf',
    },
    [name('TIMEOUT')]: millis(path('timeoutMillis'), 10_000),
    [name('COMPRESSION')]: { path: path('compression'), good: ['GZIP', 'gzip'], bad: 'zip', absent: 'none' },
    [name('CERTIFICATE')]: pem('certificate'),
    [name('CLIENT_KEY')]: pem('clientKey'),
    [name('CLIENT_CERTIFICATE')]: pem('clientCertificate'),
    [name('INSECURE')]: { path: path('insecure'), good: ['true', true], bad: '1', absent: false },
  };
}

function at(config: Config, path: string): unknown {
  return path.split('.').reduce<any>((node, name) => node[name], config);
}

describe('environment variables', () => {
  it('has a row here for every variable of the table', () => {
    const names = [...fallbacks, ...variables].map((variable) => variable.name);
    expect(Object.keys(rows)).to.have.members(names);
  });

  for (const [name, { path, good, bad, absent, beside }] of Object.entries(rows)) {
    describe(name, () => {
      it(`sets ${path}`, () => {
        const { config, problems } = resolveConfig({}, { ...beside, [name]: good[0] });
        expect(at(config, path)).to.deep.equal(good[1]);
        expect(sourceOf(config, path)).to.equal(`env ${name}`);
        expect(problems).to.deep.equal([]);
      });

      it('is the default when absent, empty or blank', () => {
        for (const env of [{}, { [name]: '' }, { [name]: ' \t' }]) {
          const { config, problems } = resolveConfig({}, env);
          expect(at(config, path)).to.deep.equal(absent);
          expect(problems).to.deep.equal([]);
        }
      });

      if (bad === undefined) return;
      it('says so once when wrong, and the default holds', () => {
        const { config, problems } = resolveConfig({}, { [name]: bad });
        expect(at(config, path)).to.deep.equal(absent);
        expect(problems).to.have.lengthOf(1);
        expect(problems[0]!.code).to.equal('SONDE_ERR_ENV');
        expect(problems[0]!.message).to.match(new RegExp(`^${name} is .*, which is not .*; using .*\\.$`));
      });
    });
  }
});
