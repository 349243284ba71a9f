/** Sonde's spans beside the official ones: whatever is said to both, official parts see the same. */
import { inspect } from 'node:util';
import {
  type Context,
  context,
  type Span,
  SpanKind,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { defaults, type SamplerName, type SpanLimits } from '../../src/config/config.ts';
import { contextManager, rootContext } from '../../src/context/context.ts';
import { idGenerator } from '../../src/context/ids.ts';
import { suppressed } from '../../src/context/suppression.ts';
import { samplerOf } from '../../src/traces/sampler.ts';
import { SondeTracerProvider } from '../../src/traces/tracer-provider.ts';

const resource = resourceFromAttributes({ 'service.name': 'shop' });
const { limits: usual } = defaults.traces;
const own = samplerOf({ ...defaults.traces, sampler: 'parentbased_always_on' });
const remote = (traceFlags: number): Context =>
  trace.setSpanContext(rootContext, {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags,
    isRemote: true,
  });

interface Setting {
  readonly limits?: Partial<SpanLimits>;
  readonly sampler?: Sampler;
}

/** Ids and clocks differ from run to run; all else must not. */
function shown(span: ReadableSpan) {
  const { name, kind, attributes, links, status, ended, startTime, endTime, duration } = span;
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount, instrumentationScope } = span;
  const { traceFlags, traceState } = span.spanContext();
  return {
    ...{ name, kind, attributes, links, status, ended, droppedAttributesCount, droppedEventsCount },
    ...{ droppedLinksCount, traceFlags, scope: { ...instrumentationScope } },
    traceState: traceState?.serialize(),
    parent: span.parentSpanContext?.spanId,
    resource: span.resource.attributes,
    events: span.events.map(({ time, ...event }) => ({ ...event, isTimed: time.length === 2 })),
    isOrdered: duration[0] >= 0 && endTime[0] + endTime[1] / 1e9 >= startTime[0] + startTime[1] / 1e9,
  };
}

function recorder(): { processor: SpanProcessor; told: string[]; spans: ReadableSpan[] } {
  const told: string[] = [];
  const spans: ReadableSpan[] = [];
  const processor: SpanProcessor = {
    onStart: (span) => void told.push(`start ${span.name} ${Object.keys(span.attributes).join()}`),
    onEnding: (span) => {
      told.push(`ending ${span.isRecording()}`);
      span.setAttribute('at.the.end', true);
    },
    onEnd(span) {
      told.push(`end ${span.ended}`);
      spans.push(span);
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  return { processor, told, spans };
}

/** What processors see when the same is said to either. */
function compare(say: (tracer: Tracer) => void, { limits, sampler }: Setting = {}) {
  const seen = [true, false].map((isOwn) => {
    const { processor, told, spans } = recorder();
    const all = { ...usual, ...limits };
    const provider = isOwn
      ? new SondeTracerProvider({
          ...{ resource, ids: idGenerator, limits: all, processors: [processor] },
          sampler: sampler ?? own,
        })
      : new TracerProvider({ resource, spanLimits: all, spanProcessors: [processor], sampler });
    say(provider.getTracer('orders', '1.2.3', { schemaUrl: 'https://schema.test/1' }));
    return { told, spans: spans.map(shown) };
  });
  expect(seen[0]).to.deep.equal(seen[1]);
  return seen[0]!;
}

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;
const oddities: Record<string, unknown> = {
  text: 'x'.repeat(40),
  number: Number.NaN,
  boolean: false,
  list: ['a', null, undefined, 3],
  bytes: new Uint8Array([1, 2, 3]),
  nested: { a: { b: [1, { c: 'deep'.repeat(10) }] }, gone: undefined },
  bare: Object.create(null),
  nothing: null,
  missing: undefined,
  date: new Date(0),
  pattern: /x/,
  big: 10n,
  symbol: Symbol('x'),
  call: () => 1,
  cyclic,
  '': 'nameless',
  constructor: 'a name that objects have',
};

const cases: Record<string, [say: (tracer: Tracer) => void, setting?: Setting]> = {
  'attributes of every kind': [
    (tracer) =>
      tracer
        .startSpan('a')
        .setAttributes(oddities as never)
        .end(),
  ],
  'attributes from the start': [(tracer) => tracer.startSpan('a', { attributes: oddities as never }).end()],
  'values cut at a limit': [
    (tracer) =>
      tracer
        .startSpan('a', { attributes: oddities as never })
        .setAttributes(oddities as never)
        .end(),
    { limits: { attributeValueLengthLimit: 5 } },
  ],
  'more attributes than there may be': [
    (tracer) => {
      const span = tracer.startSpan('a', { attributes: { a: 1, b: 2 } });
      span.setAttributes({ c: 3, d: 4, a: 5, e: 6 }).setAttribute('b', 7).end();
    },
    { limits: { attributeCountLimit: 3 } },
  ],
  events: [
    (tracer) => {
      const span = tracer.startSpan('a');
      span.addEvent('plain').addEvent('timed', 1_700_000_000_000).addEvent('date', new Date(5));
      span.addEvent('told', { a: 1, list: ['a', 'b'], mixed: ['a', 1], nested: { a: 1 } } as never, [5, 6]);
      span.addEvent('both', 5, 6).addEvent('none', undefined).end();
    },
  ],
  'more events than there may be': [
    (tracer) => {
      const span = tracer.startSpan('a');
      for (const name of ['a', 'b', 'c', 'd']) span.addEvent(name, { one: 1, two: 2, three: 3 });
      span.end();
    },
    { limits: { eventCountLimit: 2, attributePerEventCountLimit: 2 } },
  ],
  'no events at all': [
    (tracer) => tracer.startSpan('a').addEvent('b').end(),
    { limits: { eventCountLimit: 0 } },
  ],
  links: [
    (tracer) => {
      const { traceId, spanId, traceFlags } = trace.getSpanContext(remote(1))!;
      const link = {
        context: { traceId, spanId, traceFlags },
        attributes: { a: 1, b: 2, c: () => 1 } as never,
      };
      const span = tracer.startSpan('a', { links: [link, link, link] });
      span.addLink({ context: link.context }).addLinks([link, link]).end();
    },
    { limits: { linkCountLimit: 2, attributePerLinkCountLimit: 1 } },
  ],
  exceptions: [
    (tracer) => {
      const span = tracer.startSpan('a');
      const error = Object.assign(new Error('no stock'), { stack: 'Error: no stock\n    at shop' });
      span.recordException(error);
      span.recordException(
        Object.assign(new Error('refused'), { code: 'ECONNREFUSED', stack: 'at net' }),
        [1, 2],
      );
      span.recordException('only words');
      span.recordException({} as never);
      span.recordException(undefined as never);
      span.end();
    },
  ],
  statuses: [
    (tracer) => {
      tracer.startSpan('a').setStatus({ code: 2, message: 'late' }).setStatus({ code: 0 }).end();
      tracer.startSpan('b').setStatus({ code: 1, message: 'no word' }).setStatus({ code: 2 }).end();
      tracer
        .startSpan('c')
        .setStatus({ code: 2, message: 5 as never })
        .end();
    },
  ],
  names: [(tracer) => tracer.startSpan('a', { kind: SpanKind.CLIENT }).updateName('b').end()],
  'what is said after the end': [
    (tracer) => {
      const span = tracer.startSpan('a', { attributes: { a: 1 } });
      span.end();
      span.setAttribute('b', 1).setAttributes({ c: 1 }).addEvent('e').updateName('z').setStatus({ code: 2 });
      span.addLink({ context: span.spanContext() });
      span.end();
    },
  ],
  'times that are given': [
    (tracer) => {
      tracer.startSpan('a', { startTime: [100, 5] }).end([101, 6]);
      tracer.startSpan('b', { startTime: new Date(1000) }).end(2000);
      tracer.startSpan('c', { startTime: [500, 0] }).end([400, 0]);
    },
  ],
  'parents, near and far': [
    (tracer) => {
      tracer.startSpan('sampled', {}, remote(TraceFlags.SAMPLED)).end();
      tracer.startSpan('not sampled', {}, remote(TraceFlags.NONE)).end();
      tracer.startSpan('root', { root: true }, remote(TraceFlags.NONE)).end();
      tracer.startSpan('unobserved', {}, suppressed(rootContext)).end();
    },
  ],
  'a sampler that adds attributes and a trace state': [
    (tracer) => tracer.startSpan('a', { attributes: { a: 1 } }).end(),
    {
      sampler: {
        shouldSample: (_context, _traceId, name, kind, attributes) => ({
          decision: SamplingDecision.RECORD_AND_SAMPLED,
          attributes: { ...attributes, asked: `${name} ${kind}` },
          traceState: { serialize: () => 'a=b' } as never,
        }),
        toString: () => 'adding',
      },
    },
  ],
  'a sampler that only records': [
    (tracer) => tracer.startSpan('a').end(),
    { sampler: { shouldSample: () => ({ decision: SamplingDecision.RECORD }), toString: () => 'recording' } },
  ],
  'a sampler that drops': [
    (tracer) => tracer.startSpan('a').end(),
    {
      sampler: {
        shouldSample: () => ({ decision: SamplingDecision.NOT_RECORD }),
        toString: () => 'dropping',
      },
    },
  ],
};

describe('tracer provider', () => {
  before(() => context.setGlobalContextManager(contextManager));
  after(() => context.disable());

  for (const [name, [say, setting]] of Object.entries(cases)) {
    it(`shows processors what the official one shows them: ${name} (A44)`, () => {
      compare(say, setting);
    });
  }

  it('tells processors of the start, of the ending and of the end (A44)', () => {
    const { told, spans } = compare((tracer) => tracer.startSpan('a', { attributes: { a: 1 } }).end());
    expect(told).to.deep.equal(['start a a', 'ending true', 'end true']);
    expect(spans[0]?.attributes).to.have.property('at.the.end', true);
  });

  it('keeps milliseconds of the start and counts on by the monotonic clock', () => {
    const { processor, spans } = recorder();
    const provider = new SondeTracerProvider({
      ...{ resource, ids: idGenerator, limits: usual, sampler: own, processors: [processor] },
    });
    const before = Date.now();
    const span = provider.getTracer('t').startSpan('a');
    const late = performance.now();
    span.addEvent('at a performance time', late);
    span.end();
    const [seconds, nanos] = spans[0]!.startTime;
    expect(seconds * 1000 + nanos / 1e6).to.be.within(before, Date.now());
    const event = spans[0]!.events[0]!.time;
    expect(event[0] + event[1] / 1e9 - (seconds + nanos / 1e9)).to.be.within(-0.002, 1);
  });

  it('runs a function in a new span, in all three forms', () => {
    const { processor, spans } = recorder();
    const provider = new SondeTracerProvider({
      ...{ resource, ids: idGenerator, limits: usual, sampler: own, processors: [processor] },
    });
    const tracer = provider.getTracer('t');
    const work = (span: Span) => {
      expect(trace.getActiveSpan()).to.equal(span);
      span.end();
      return 'done';
    };
    expect(tracer.startActiveSpan('a', work)).to.equal('done');
    expect(tracer.startActiveSpan('b', { kind: SpanKind.CLIENT }, work)).to.equal('done');
    expect(tracer.startActiveSpan('c', {}, remote(1), work)).to.equal('done');
    expect(spans.map(({ name, kind }) => `${name} ${kind}`)).to.deep.equal(['a 0', 'b 2', 'c 0']);
    expect(spans[2]?.parentSpanContext?.spanId).to.equal('b7ad6b7169203331');
  });

  it('feeds the official batch processor and exporters (A44)', async () => {
    const exporter = new InMemorySpanExporter();
    const simple = new InMemorySpanExporter();
    const provider = new SondeTracerProvider({
      ...{ resource, ids: idGenerator, limits: usual, sampler: own },
      processors: [new BatchSpanProcessor({ exporter }), new SimpleSpanProcessor({ exporter: simple })],
    });
    const span = provider.getTracer('t').startSpan('a', { attributes: { a: 1 } });
    span.addEvent('e').end();
    await provider.forceFlush();
    const spans = exporter.getFinishedSpans();
    expect(spans.map(({ name }) => name)).to.deep.equal(['a']);
    expect(simple.getFinishedSpans()).to.have.length(1);
    expect(inspect(spans[0])).to.include("name: 'a'");
    await provider.shutdown();
  });

  it('takes hostile attributes without a throw', () => {
    const { processor, spans } = recorder();
    const provider = new SondeTracerProvider({
      ...{ resource, ids: idGenerator, limits: usual, sampler: own, processors: [processor] },
    });
    const hostile = {
      ok: 1,
      get bad() {
        throw new Error('hostile');
      },
      inner: {
        get bad() {
          throw new Error('hostile');
        },
      },
      proxy: new Proxy({}, { ownKeys: () => ['a', 'a'] }),
    };
    provider
      .getTracer('t')
      .startSpan('a', { attributes: hostile as never })
      .setAttribute('inner', hostile.inner as never)
      .setAttribute('__proto__', { polluted: true } as never)
      .addEvent('e', hostile as never)
      .end();
    expect(spans[0]?.attributes).to.deep.equal({ ok: 1, 'at.the.end': true });
    expect(spans[0]?.droppedAttributesCount).to.equal(3);
  });

  const officials: Partial<Record<SamplerName, Sampler>> = {
    always_on: new AlwaysOnSampler(),
    always_off: new AlwaysOffSampler(),
    traceidratio: new TraceIdRatioBasedSampler(0.3),
    parentbased_always_on: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    parentbased_always_off: new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  };

  for (const [name, official] of Object.entries(officials) as [SamplerName, Sampler][]) {
    it(`decides as the official sampler does: ${name}`, () => {
      const sampler = samplerOf({ ...defaults.traces, sampler: name, samplerArg: 0.3 });
      for (const parent of [rootContext, remote(0), remote(1)]) {
        for (let i = 0; i < 200; i++) {
          const traceId = trace.getSpanContext(parent)?.traceId ?? idGenerator.generateTraceId();
          const asked = [parent, traceId, 'a', SpanKind.SERVER, {}, []] as const;
          expect(
            sampler.shouldSample(...(asked as never as Parameters<Sampler['shouldSample']>)),
          ).to.deep.equal(official.shouldSample(...(asked as never as Parameters<Sampler['shouldSample']>)));
        }
      }
    });
  }
});
