/**
 * Hostile values at what `e2e/values.test.ts` does not call: OpenTelemetry's API on Sonde's providers, jobs, events,
 * health. None throws, and a good neighbour arrives whole (R1, R2).
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT, type Span } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { encodeTraces } from '../../exporters/otlp/encoding.ts';
import { defaults } from '../../src/config/config.ts';
import { idGenerator } from '../../src/context/ids.ts';
import { createPropagation } from '../../src/context/propagation.ts';
import { annotate } from '../../src/context/unit.ts';
import { addCheck, mountHealth } from '../../src/health/probes.ts';
import { apiLoggerProvider } from '../../src/logs/api-provider.ts';
import { defineEvent } from '../../src/logs/define-event.ts';
import { audit, security } from '../../src/logs/security.ts';
import { metrics } from '../../src/metrics/mount.ts';
import { mask } from '../../src/processing/masks.ts';
import { identityTracerProvider } from '../../src/traces/identity-tracer.ts';
import { runJob, wrapJob } from '../../src/traces/job.ts';
import { redactor } from '../../src/traces/redactor.ts';
import { samplerOf } from '../../src/traces/sampler.ts';
import { stamper } from '../../src/traces/stamper.ts';
import { SondeTracerProvider } from '../../src/traces/tracer-provider.ts';
import { captured } from '../logs/captured.ts';
import { metered } from '../support/metered.ts';

const file = join(import.meta.dirname, '../e2e/apps/values/hostile.cjs');
const { values } = createRequire(import.meta.url)(file) as { values: Record<string, any> };

const ended: ReadableSpan[] = [];
const provider = new SondeTracerProvider({
  resource: resourceFromAttributes({}),
  sampler: samplerOf(defaults.traces) as never,
  ids: idGenerator,
  limits: defaults.traces.limits,
  processors: [
    stamper as never,
    redactor as never,
    {
      onStart() {},
      onEnd: (span: ReadableSpan) => void ended.push(span),
      forceFlush: async () => {},
      shutdown: async () => {},
    },
  ],
});
const tracer = provider.getTracer('hostile');
const ruled = samplerOf({
  ...defaults.traces,
  sampler: 'sonde_rules',
  rules: [{ route: '/a*', name: 'x*', kind: 'server', attributes: { value: '*' } }],
});
const identities = identityTracerProvider({ sampler: ruled, ids: idGenerator }).getTracer('hostile');
const { meter } = metered();
const propagation = createPropagation(defaults);
const logger = apiLoggerProvider.getLogger('hostile.api');
const counter = meter.createCounter('hostile.count') as any;

/** On a span that has a good attribute, and ends. */
const span = (say: (span: Span, value: any) => unknown) => (value: any) => {
  const one = tracer.startSpan('hostile', { attributes: { good: 1 } });
  say(one, value);
  one.end();
};

const calls: Record<string, (value: any) => unknown> = {
  'the attributes that a rule of the sampler looks at': (value) =>
    identities.startSpan('x', { kind: value, attributes: { value, 'url.path': value } }),
  'what a rule of the sampler looks at': (value) => identities.startSpan(value, { attributes: value }),
  'span.setAttribute': span((one, value) => one.setAttribute('value', value)),
  'span.setAttribute name': span((one, value) => one.setAttribute(value, 1)),
  'span.setAttributes': span((one, value) => one.setAttributes(value)),
  'span.addEvent': span((one, value) => one.addEvent(value, value, value)),
  'span.addEvent attribute': span((one, value) => one.addEvent('event', { value })),
  'span.addLink': span((one, value) => one.addLink(value)),
  'span.addLinks': span((one, value) => one.addLinks(value)),
  'span.recordException': span((one, value) => one.recordException(value, value)),
  'span.setStatus': span((one, value) => one.setStatus(value)),
  'span.setStatus message': span((one, value) => one.setStatus({ code: 2, message: value })),
  'span.updateName': span((one, value) => one.updateName(value)),
  'span.end': (value) => tracer.startSpan('hostile', { attributes: { good: 1 } }).end(value),
  'tracer.startSpan name': (value) => tracer.startSpan(value, { attributes: { good: 1 } }).end(),
  'tracer.startSpan options': (value) => tracer.startSpan('hostile', value).end(),
  'tracer.startSpan attribute': (value) =>
    tracer.startSpan('hostile', { attributes: { good: 1, value }, links: [value] }).end(),
  'tracer.startSpan links': (value) =>
    tracer.startSpan('hostile', { links: value, attributes: { good: 1 } }).end(),
  'tracer.startSpan time': (value) =>
    tracer.startSpan('hostile', { startTime: value, attributes: { good: 1 } }).end(),
  'tracer.startSpan context': (value) => tracer.startSpan('hostile', {}, value).end(),
  'tracer.startActiveSpan': (value) => tracer.startActiveSpan('hostile', value, (one) => one.end()),
  getTracer: (value) => provider.getTracer(value, value, value).startSpan('hostile').end(),
  'meter.createCounter': (value) => meter.createCounter(value, value).add(value, value, value),
  'counter.add': (value) => counter.add(1, { value }, value),
  'counter.bind': (value) => counter.bind(value).add(1, value),
  'histogram.record': (value) => meter.createHistogram('hostile.times').record(value, value, value),
  'observable callback': (value) => meter.createObservableGauge('hostile.gauge').addCallback(value),
  'logger.emit': (value) => logger.emit(value),
  'logger.emit body': (value) => logger.emit({ body: value, attributes: { value }, severityNumber: value }),
  'logger.emit attributes': (value) =>
    logger.emit({ body: 'x', attributes: value, eventName: value, timestamp: value, context: value }),
  'logs.getLogger': (value) => apiLoggerProvider.getLogger(value, value).emit({ body: 'x' }),
  'propagation.extract': (value) => propagation.textMap.extract(ROOT_CONTEXT, value, defaultTextMapGetter),
  'propagation.inject': (value) => propagation.textMap.inject(ROOT_CONTEXT, value, defaultTextMapSetter),
  annotate: (value) => annotate(value),
  audit: (value) => audit(value, value),
  security: (value) => security(value, { value }),
  defineEvent: (value) => (defineEvent(value) as any)(value),
  'defineEvent field': (value) => (defineEvent('hostile') as any)({ value }),
  'runJob options': (value) => runJob('job', () => 1, value),
  'runJob name': (value) => runJob(value, () => 1),
  'wrapJob options': (value) => wrapJob(() => 1, value)(),
  'wrapJob arguments': (value) => wrapJob((_given: unknown) => 1, { name: 'job' })(value),
  'mask.last4': (value) => mask.last4(value),
  'mask.full': (value) => (mask.full as (given: unknown) => unknown)(value),
  'mask.hash': (value) => mask.hash('key')(value),
  'health.check': (value) => addCheck(value, value, value)(),
  'health.mount': (value) => mountHealth(value, value)(),
  'metrics.mount': (value) => metrics.mount(value, value)(),
};

describe('hostile values at every other public function (R1, R2)', function () {
  this.timeout(20_000);
  for (const [name, call] of Object.entries(calls)) {
    it(`${name}: throws for none of ${Object.keys(values).length}, within bounds`, () => {
      const threw: string[] = [];
      const slow: string[] = [];
      for (const [what, value] of Object.entries(values)) {
        const before = process.cpuUsage();
        try {
          captured(() => call(value));
        } catch (error) {
          threw.push(`${what}: ${(error as Error | undefined)?.stack?.split('\n').slice(0, 4).join(' | ')}`);
        }
        // 50 ms is the promise; a loaded machine is given ten times that.
        const { user } = process.cpuUsage(before);
        if (user > 500_000) slow.push(`${what}: ${user / 1000} ms`);
      }
      expect(threw).to.deep.equal([]);
      expect(slow).to.deep.equal([]);
    });
  }

  it('leaves every span with its good attribute, and all of them can be sent', () => {
    const good = ended.filter(({ name }) => name === 'hostile');
    expect(good.length).to.be.above(500);
    const spoilt = ended.filter(({ attributes }) => 'value' in attributes && attributes.good !== 1);
    expect(spoilt).to.deep.equal([]);
    for (const protocol of ['http/protobuf', 'http/json'] as const) {
      const encode = encodeTraces(protocol);
      for (const one of ended) expect(encode([one]).length).to.be.above(50);
    }
  });
});
