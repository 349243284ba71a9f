import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { defaults, type Options } from '../../src/config/config.ts';
import type { Env } from '../../src/config/env.ts';
import { resolveConfig, sourceOf } from '../../src/config/resolve.ts';

function messages(options: Options, env: Env): string[] {
  return resolveConfig(options, env).problems.map(({ message }) => message);
}

describe('precedence', () => {
  let folder: string;
  let file: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-config-'));
    file = join(folder, 'sonde.config.json');
    const given = { logs: { level: 'warn', format: 'logfmt' }, http: { ignorePaths: ['/up'] } };
    writeFileSync(file, JSON.stringify(given));
  });

  after(() => rmSync(folder, { recursive: true }));

  it('lays code over environment over file over defaults, and remembers each', () => {
    const env = { SONDE_CONFIG: file, SONDE_LOG_LEVEL: 'debug', SONDE_LOG_FORMAT: 'json' };
    const { config, problems } = resolveConfig({ logs: { level: 'error' } }, env);
    expect(config.logs).to.include({ level: 'error', format: 'json', console: 'auto' });
    expect(config.http.ignorePaths).to.deep.equal(['/up']);
    expect(sourceOf(config, 'logs.level')).to.equal('code');
    expect(sourceOf(config, 'logs.format')).to.equal('env SONDE_LOG_FORMAT');
    expect(sourceOf(config, 'http.ignorePaths')).to.equal(`file ${file}`);
    expect(sourceOf(config, 'logs.console')).to.equal('default');
    expect(problems).to.deep.equal([]);
  });

  it('names every source of a branch, and none of a path that holds nothing', () => {
    const { config } = resolveConfig({ http: { ignorePaths: ['/up'] } }, {});
    expect(sourceOf(config, 'http')).to.equal('code, default');
    expect(sourceOf(config, 'correlation')).to.equal('default');
    expect(sourceOf(config, 'no.such.path')).to.equal(undefined);
  });

  it('falls back to the next source, and names its value, when a variable is wrong', () => {
    const env = { SONDE_CONFIG: file, SONDE_LOG_LEVEL: 'loud' };
    expect(resolveConfig({}, env).config.logs.level).to.equal('warn');
    expect(messages({}, env)).to.have.lengthOf(1);
    expect(messages({}, env)[0]).to.match(/; using warn\.$/);
  });

  it('leaves a setting alone that is given as undefined', () => {
    const { config } = resolveConfig({ logs: { level: undefined } }, { SONDE_LOG_LEVEL: 'debug' });
    expect(config.logs.level).to.equal('debug');
  });

  it('reads LOG_LEVEL only where nothing of ours names a level (A14)', () => {
    const level = (env: Env): string => resolveConfig({}, env).config.logs.level;
    expect(level({ LOG_LEVEL: 'debug' })).to.equal('debug');
    expect(level({ LOG_LEVEL: 'debug', SONDE_LOG_LEVEL: 'error' })).to.equal('error');
    expect(level({ LOG_LEVEL: 'debug', SONDE_LOGS__LEVEL: 'error' })).to.equal('error');
    expect(level({ LOG_LEVEL: 'debug', SONDE_LOG_LEVEL: 'loud' })).to.equal('debug');
  });

  it('only whispers about a LOG_LEVEL that was meant for somebody else', () => {
    const { problems } = resolveConfig({}, { LOG_LEVEL: '42' });
    expect(problems.map(({ level }) => level)).to.deep.equal(['debug']);
  });

  it('reaches any path as SONDE_A__B in any case (A15)', () => {
    const format = (env: Env): string => resolveConfig({}, env).config.logs.format;
    expect(format({ SONDE_LOGS__FORMAT: 'json' })).to.equal('json');
    expect(format({ sonde_logs__format: 'json' })).to.equal('json');
    const { config } = resolveConfig(
      {},
      { SONDE_TRACES__LIMITS__EVENT_COUNT_LIMIT: '7', SONDE_PROPAGATORS: 'b3' },
    );
    expect(config.traces.limits.eventCountLimit).to.equal(7);
    expect(config.propagators).to.deep.equal(['b3']);
    expect(sourceOf(config, 'propagators')).to.equal('env SONDE_PROPAGATORS');
  });

  it('prefers a name of its own to the generic form', () => {
    const env = { SONDE_LOGS__FORMAT: 'json', SONDE_LOG_FORMAT: 'logfmt' };
    expect(resolveConfig({}, env).config.logs.format).to.equal('logfmt');
  });

  it('lets OTEL_SDK_DISABLED=true win over everything', () => {
    const { config } = resolveConfig({ disabled: false }, { OTEL_SDK_DISABLED: 'true' });
    expect(config.disabled).to.equal(true);
    expect(sourceOf(config, 'disabled')).to.equal('env OTEL_SDK_DISABLED');
    expect(resolveConfig({ disabled: true }, { OTEL_SDK_DISABLED: 'false' }).config.disabled).to.equal(true);
  });

  it('lets a signal override what is said for all signals, in every source', () => {
    const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '1', OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '2' };
    const { otlp } = resolveConfig({}, env).config;
    expect([otlp.traces.timeoutMillis, otlp.logs.timeoutMillis]).to.deep.equal([1, 2]);
    const code = resolveConfig({ otlp: { logs: { timeoutMillis: 4 }, timeoutMillis: 3 } }, env).config.otlp;
    expect([code.traces.timeoutMillis, code.logs.timeoutMillis]).to.deep.equal([3, 4]);
  });

  it('lets the limits for spans and log records override the general ones', () => {
    const env = { OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '2', OTEL_ATTRIBUTE_COUNT_LIMIT: '1' };
    const { traces, logs } = resolveConfig({}, env).config;
    expect([traces.limits.attributeCountLimit, logs.attributeCountLimit]).to.deep.equal([2, 1]);
  });

  it('adds resource attributes and headers of all sources, name by name', () => {
    const env = {
      OTEL_RESOURCE_ATTRIBUTES: 'team=a,zone=b',
      OTEL_EXPORTER_OTLP_HEADERS: 'x=1,y=1',
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'y=2',
    };
    const { config } = resolveConfig({ resource: { team: 'c' }, otlp: { headers: { Z: '3' } } }, env);
    expect(config.resource).to.deep.equal({ team: 'c', zone: 'b' });
    expect(config.otlp.logs.headers).to.deep.equal({ x: '1', y: '2', z: '3' });
    expect(config.otlp.traces.headers).to.deep.equal({ x: '1', y: '1', z: '3' });
    expect(sourceOf(config, 'resource.zone')).to.equal('env OTEL_RESOURCE_ATTRIBUTES');
  });

  it('keeps a batch within its queue, and the metric timeout within its interval', () => {
    const small = resolveConfig({}, { OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_METRIC_EXPORT_INTERVAL: '1000' });
    expect(small.config.traces.batch.maxExportBatchSize).to.equal(10);
    expect(small.config.metrics.exportTimeoutMillis).to.equal(1_000);
    expect(small.problems).to.deep.equal([]);
    const env = { OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '20' };
    expect(messages({}, env)).to.deep.equal([
      'OTEL_BSP_MAX_EXPORT_BATCH_SIZE is 20, more than traces.batch.maxQueueSize; using 10.',
    ]);
    const unlimited = resolveConfig({}, { OTEL_METRIC_EXPORT_TIMEOUT: '0' }).config.metrics;
    expect(unlimited.exportTimeoutMillis).to.equal(60_000);
  });

  it('takes the sampler that rules are for, where nobody names another', () => {
    const ruled = resolveConfig({}, { SONDE_SAMPLING_RULES: 'route=/poll drop' }).config;
    expect(ruled.traces.sampler).to.equal('sonde_rules');
    expect(sourceOf(ruled, 'traces.sampler')).to.equal('env SONDE_SAMPLING_RULES');
    const named = resolveConfig({ traces: { sampler: 'always_on', rules: [{ sample: 0.5 }] } }, {}).config;
    expect(named.traces.sampler).to.equal('always_on');
  });

  it('is the defaults, spelled as the literal spells them, when nobody says anything', () => {
    const { config } = resolveConfig({}, {});
    const { service, surroundings, otlp, logs, ...rest } = config;
    const { service: _s, surroundings: _u, otlp: _o, logs: logDefaults, ...literal } = defaults;
    expect(rest).to.deep.equal(literal);
    expect(logs).to.deep.equal({ ...logDefaults, resource: 'off' });
    expect(otlp.metrics).to.deep.equal({
      ...defaults.otlp.metrics,
      endpoint: 'http://localhost:4318/v1/metrics',
    });
    expect(service.instanceId).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(surroundings).to.deep.equal({ testRunner: false, development: false, kubernetes: false });
  });

  it('cannot be changed afterwards, and changes nothing it was given', () => {
    const options = { propagators: ['b3'], resource: { list: ['a'] }, logs: { level: 'debug' } };
    const { config } = resolveConfig(options, {});
    const branches: unknown[] = [config, config.logs, config.propagators, config.resource.list];
    branches.push(config.otlp.traces.headers, config.traces.limits);
    for (const branch of branches) expect(Object.isFrozen(branch)).to.equal(true);
    for (const given of [options, options.propagators, options.resource.list]) {
      expect(Object.isFrozen(given)).to.equal(false);
    }
  });

  it('turns OTLP off under a test runner unless an endpoint is named or somebody decides', () => {
    const off = (env: Env): boolean => resolveConfig({}, env).config.otlp.off;
    const runners = [
      { NODE_ENV: 'test' },
      { VITEST: 'true' },
      { JEST_WORKER_ID: '1' },
      { NODE_TEST_CONTEXT: 'child' },
    ];
    for (const runner of runners) {
      expect(off(runner)).to.equal(true);
      expect(off({ ...runner, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://c:1' })).to.equal(false);
      expect(off({ ...runner, SONDE_OTLP: 'on' })).to.equal(false);
    }
    expect(off({ NODE_ENV: 'production' })).to.equal(false);
    expect(resolveConfig({}, { VITEST: 'true' }).config.surroundings.testRunner).to.equal(true);
  });

  it('puts resource names on every line in Kubernetes, unless told otherwise', () => {
    const pod = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    expect(resolveConfig({}, pod).config.logs.resource).to.equal('on');
    expect(resolveConfig({}, { ...pod, SONDE_LOG_RESOURCE: 'off' }).config.logs.resource).to.equal('off');
  });
});
