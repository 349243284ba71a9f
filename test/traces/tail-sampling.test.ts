import { type Context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import fc from 'fast-check';
import { flightRecorder } from '../../exporters/flight-recorder.ts';
import { type Config, defaults, type TailConfig } from '../../src/config/config.ts';
import { contextManager, rootContext, runIn } from '../../src/context/context.ts';
import { idGenerator } from '../../src/context/ids.ts';
import { createPropagation } from '../../src/context/propagation.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { audit, security } from '../../src/logs/security.ts';
import { configureNodes } from '../../src/logs/tree.ts';
import { batchProcessor } from '../../src/traces/batch-processor.ts';
import { keepTrace } from '../../src/traces/keep-trace.ts';
import { redactor } from '../../src/traces/redactor.ts';
import { SpanProcessors } from '../../src/traces/span-processors.ts';
import { tailSampler } from '../../src/traces/tail-sampler.ts';
import { tailSampling } from '../../src/traces/tail-sampling.ts';
import { SondeTracerProvider } from '../../src/traces/tracer-provider.ts';
import { type Ear, ear, eventually } from '../support/otlp-items.ts';

interface Given {
  readonly ratio?: number;
  readonly perSecond?: number;
  readonly tail?: Partial<TailConfig>;
  readonly seer?: SpanProcessor;
}

/** Ids whose last 56 bits say how they are picked: the share of traces below which they are. */
const never = '0af7651916cd43dd8400000000000001';
const always = '0af7651916cd43dd84ffffffffffffff';

/** The tracer, the logger's pipeline and what stands between them and those who send. */
function tailed({ ratio = 0, perSecond = Infinity, tail: wanted = {}, seer }: Given = {}) {
  const config: Config['traces'] = {
    ...defaults.traces,
    samplerArg: ratio,
    tracesPerSecond: perSecond,
    tail: { ...defaults.traces.tail, ...wanted },
  };
  const spans: ReadableSpan[] = [];
  const printed: LogRecord[] = [];
  const sent: LogRecord[] = [];
  const queue = { add: (span: ReadableSpan) => void spans.push(span), forceFlush: async () => {} };
  const seers = seer === undefined ? [] : [seer];
  const takers = [redactor as unknown as SpanProcessor, batchProcessor(queue), ...seers];
  const tail = tailSampling({
    config,
    takers: new SpanProcessors(takers),
    seers: seer === undefined ? undefined : new SpanProcessors([seer]),
  });
  const provider = new SondeTracerProvider({
    resource: resourceFromAttributes({}),
    sampler: tailSampler(config, tail.isKept),
    ids: idGenerator,
    limits: config.limits,
    processors: [tail.processor],
  });
  const senders = tail.sinks([(record) => void sent.push(record)]);
  setSinks([(record) => void printed.push(record)], senders);
  const tracer = provider.getTracer('test');
  return {
    tail,
    tracer,
    provider,
    spans,
    names: () => spans.map(({ name }) => name),
    messages: () => printed.map(({ message }) => message),
    sent: () => sent.map(({ message }) => message),
    /** A span with what happens in it; it ends afterwards. */
    work<T>(name: string, fn: (context: Context) => T, given: Context = rootContext): T {
      const span = tracer.startSpan(name, {}, given);
      const context = trace.setSpan(given, span);
      const result = runIn(context, () => fn(context));
      span.end();
      return result;
    },
    stop() {
      tail.conclude();
      tail.stop();
      setSinks([]);
    },
  };
}

function remote(traceId: string, traceFlags: number, traceState?: string): Context {
  const carrier = {
    traceparent: `00-${traceId}-b7ad6b7169203331-0${traceFlags}`,
    ...(traceState !== undefined && { tracestate: traceState }),
  };
  const { textMap } = createPropagation(defaults);
  const getter = { keys: (from: object) => Object.keys(from), get: (from: any, key: string) => from[key] };
  return textMap.extract(rootContext, carrier, getter);
}

describe('tail sampling', () => {
  const log = getLogger('shop.tail');
  let heard: Ear;
  let at: ReturnType<typeof tailed>;

  before(() => contextManager.enable());
  after(() => {
    contextManager.disable();
    propagation.disable();
  });
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => {
    at.stop();
    heard.close();
  });

  function failing(context: Context): void {
    at.work('SELECT orders', () => log.debug('asked'), context);
    at.tracer.startSpan('charge', {}, context).setStatus({ code: SpanStatusCode.ERROR }).end();
  }

  it('keeps a trace whole that has failed: what came before the error, in order, and what comes after it', () => {
    at = tailed();
    at.work('GET /', (context) => {
      log.debug('begun');
      log.info('order received');
      failing(context);
      log.debug('after the error');
      at.work('UPDATE orders', () => undefined, context);
    });
    expect(at.names()).to.deep.equal(['SELECT orders', 'charge', 'UPDATE orders', 'GET /']);
    expect(at.messages()).to.deep.equal(['order received', 'begun', 'asked', 'after the error']);
    expect(at.spans.map((span) => span.spanContext().traceFlags)).to.deep.equal([1, 1, 1, 1]);
    expect(heard.counts()).to.deep.equal({ 'tail.kept.error': 1 });
  });

  it('leaves nothing of a trace that went well but the records that its level lets pass', () => {
    at = tailed();
    at.work('GET /', (context) => {
      log.debug('begun');
      log.info('order received');
      at.work('SELECT orders', () => log.debug('asked'), context);
    });
    expect(at.names()).to.deep.equal([]);
    expect(at.messages()).to.deep.equal(['order received']);
    expect(heard.counts()).to.deep.equal({ 'tail.sampled_out.spans': 2, 'tail.sampled_out.logs': 2 });
    expect(log.isEnabled('debug')).to.equal(true);
    expect(log.level).to.equal('info');
  });

  it('takes a record of ERROR for a failure, and lets its details out before it', () => {
    at = tailed();
    at.work('GET /', () => {
      log.debug('begun');
      log.error('no stock');
      log.debug('after it');
    });
    expect(at.messages()).to.deep.equal(['begun', 'no stock', 'after it']);
    expect(at.names()).to.deep.equal(['GET /']);
  });

  it('keeps what took longer than its route or its name may, which can be never', () => {
    at = tailed({ tail: { slow: '1s,/reports/*=1m,poll=off' } });
    const begun = Date.UTC(2026, 0, 21);
    const took = (name: string, millis: number, route?: string) => {
      const options = { startTime: begun, attributes: route === undefined ? {} : { 'http.route': route } };
      at.tracer.startSpan(name, options, rootContext).end(begun + millis);
    };
    took('GET /', 999);
    took('GET /slow', 1_000);
    took('GET /reports/:id', 59_999, '/reports/:id');
    took('GET /reports/slow', 60_000, '/reports/slow');
    took('poll', 3_600_000);
    expect(at.names()).to.deep.equal(['GET /slow', 'GET /reports/slow']);
  });

  it('keeps what the app has flagged, by a call or by an attribute, and tells later calls that it is sampled', () => {
    at = tailed();
    const flags: number[] = [];
    const seen = (span: { spanContext(): { traceFlags: number } }) =>
      flags.push(span.spanContext().traceFlags);
    at.work('by call', (context) => {
      seen(at.tracer.startSpan('GET before', {}, context));
      keepTrace();
      seen(at.tracer.startSpan('GET after', {}, context));
    });
    at.work('by attribute', (context) => trace.getSpan(context)?.setAttribute('sonde.keep', true));
    keepTrace();
    expect(at.names()).to.deep.equal(['by call', 'by attribute']);
    expect(flags).to.deep.equal([0, 1]);
  });

  it('picks by the trace id, samples at once what it has picked, and says its threshold', () => {
    at = tailed({ ratio: 0.25 });
    const start = (traceId: string) =>
      at.tracer.startSpan('GET /', {}, remote(traceId, 2, 'other=1')).spanContext();
    expect(start(always)).to.deep.include({ traceFlags: 1 });
    expect(start(always).traceState?.serialize()).to.equal('ot=th:c,other=1');
    expect(start(never)).to.deep.include({ traceFlags: 0 });
    expect(start(never).traceState?.serialize()).to.equal('other=1');
    at.work(
      'picked',
      (context) => {
        log.debug('of a trace that is kept');
        at.work('child', () => undefined, context);
        expect(at.names()).to.deep.equal(['child']);
      },
      remote(always, 2),
    );
    expect(at.messages()).to.deep.equal(['of a trace that is kept']);
  });

  it('picks no more a second than it may: what is beyond waits, and says no threshold', () => {
    at = tailed({ ratio: 1, perSecond: 0.01 });
    at.work('picked', () => undefined);
    at.work('beyond', () => undefined);
    at.work('beyond, and failed', () => log.error('failed'));
    expect(at.names()).to.deep.equal(['picked', 'beyond, and failed']);
    expect(at.spans.map((span) => span.spanContext().traceState)).to.deep.equal([undefined, undefined]);
  });

  it('keeps what its caller keeps, and decides by itself where the caller does not', () => {
    at = tailed();
    at.work('of a sampled caller', () => log.debug('kept'), remote(never, 1));
    at.work('of another', () => log.debug('left out'), remote(always, 0));
    at.work('of another, failed', () => log.error('failed'), remote('1af7651916cd43dd8400000000000001', 0));
    expect(at.names()).to.deep.equal(['of a sampled caller', 'of another, failed']);
    expect(at.messages()).to.deep.equal(['kept', 'failed']);
  });

  it('decides once for all requests of a trace that are open together, and anew for a later one', () => {
    at = tailed();
    const context = remote(never, 0);
    const [first, second] = ['first', 'second'].map((name) =>
      at.tracer.startSpan(name, { kind: SpanKind.SERVER }, context),
    );
    first!.end();
    expect(heard.counts()).to.deep.equal({});
    second!.setStatus({ code: SpanStatusCode.ERROR }).end();
    expect(at.names()).to.deep.equal(['first', 'second']);

    const other = remote('2af7651916cd43dd8400000000000001', 0);
    at.work('went well', () => undefined, other);
    at.work('failed later', () => log.error('failed'), other);
    expect(at.names().slice(2)).to.deep.equal(['failed later']);
  });

  it('lets what comes after the verdict follow it', () => {
    at = tailed();
    const late = (name: string, fn: (context: Context) => void): Context =>
      at.work(name, (context) => {
        fn(context);
        return context;
      });
    const kept = late('kept', () => log.error('failed'));
    const leftOut = late('left out', () => undefined);
    at.work('after it', () => log.debug('late detail'), kept);
    at.work('after that', () => log.debug('late detail of nobody'), leftOut);
    at.tracer.startSpan('failed too late', {}, leftOut).setStatus({ code: SpanStatusCode.ERROR }).end();
    expect(at.names()).to.deep.equal(['kept', 'after it']);
    expect(at.messages()).to.deep.equal(['failed', 'late detail']);
    expect(heard.counted('tail.sampled_out.spans')).to.equal(3);
    expect(heard.counted('tail.sampled_out.logs')).to.equal(1);
  });

  it('never holds what security() and audit() say (A51, A65)', () => {
    at = tailed({ tail: { logs: 'all' } });
    at.work('GET /', () => {
      security('permission_denied');
      audit('orders_exported');
      log.info('told');
    });
    expect(at.messages()).to.deep.equal(['permission_denied', 'orders_exported', 'told']);
    expect(at.sent()).to.deep.equal(['permission_denied', 'orders_exported']);
  });

  it('lets all that is sent share the verdict where that is wanted, and prints as ever', () => {
    at = tailed({ tail: { logs: 'all' } });
    log.info('of nobody');
    at.work('went well', () => log.info('left out'));
    at.work('failed', () => {
      log.debug('a detail');
      log.info('kept');
      log.error('no stock');
    });
    expect(at.messages()).to.deep.equal(['of nobody', 'left out', 'kept', 'a detail', 'no stock']);
    expect(at.sent().sort()).to.deep.equal(['a detail', 'kept', 'no stock', 'of nobody']);
    expect(heard.counted('tail.sampled_out.logs')).to.equal(1);
  });

  it('gives nobody a detail twice who asks for details by himself', () => {
    const records: string[] = [];
    const recorder = flightRecorder({ target: { write: ({ message }) => void records.push(message) } });
    const others: string[] = [];
    at = tailed();
    const handlers = [
      { name: 'recorder', level: 0, filters: [], destination: recorder },
      {
        name: 'file',
        level: 0,
        filters: [],
        destination: { write: ({ message }: LogRecord) => void others.push(message) },
      },
    ];
    configureNodes(new Map([['shop.tail', { handlers, propagate: false }]]));
    try {
      at.work('GET /', () => {
        log.debug('begun');
        log.error('failed');
        log.debug('after it');
      });
      expect(records).to.deep.equal(['begun', 'failed', 'after it']);
      expect(others).to.deep.equal(['begun', 'failed', 'after it']);
    } finally {
      configureNodes(new Map());
    }
  });

  it('holds what a record said when it was made', () => {
    at = tailed();
    const records: LogRecord[] = [];
    setSinks([(record) => void records.push(record)]);
    at.work('GET /', () => {
      const cart = { items: 1 };
      log.debug('cart', cart);
      cart.items = 2;
      log.error('failed');
    });
    expect(records[0]).to.deep.include({ message: 'cart', fields: { items: 1 } });
  });

  it('gives official processors every span: unsampled those that are left out', () => {
    const seen: [string, number][] = [];
    const seer: SpanProcessor = {
      onStart: (span) => void seen.push([`start ${(span as unknown as ReadableSpan).name}`, 0]),
      onEnd: (span) => void seen.push([span.name, span.spanContext().traceFlags]),
      forceFlush: async () => {},
      shutdown: async () => {},
    };
    at = tailed({ seer });
    at.work('went well', () => undefined);
    at.work('failed', () => log.error('no'));
    expect(seen).to.deep.equal([
      ['start went well', 0],
      ['went well', 0],
      ['start failed', 0],
      ['failed', 1],
    ]);
  });

  it('keeps what has not ended when everything ends, but not at a flush', async () => {
    at = tailed();
    const root = at.tracer.startSpan('GET /', {}, rootContext);
    const context = trace.setSpan(rootContext, root);
    at.work('SELECT orders', () => log.debug('asked'), context);
    await at.provider.forceFlush();
    expect(at.names()).to.deep.equal([]);
    at.tail.conclude();
    expect(at.names()).to.deep.equal(['SELECT orders']);
    expect(at.messages()).to.deep.equal(['asked']);
    root.end();
    expect(at.names()).to.deep.equal(['SELECT orders', 'GET /']);
    expect(heard.counts()).to.deep.equal({ 'tail.kept.unfinished': 1 });
  });

  it('decides a trace that never ends at its age, by how long it has taken', async () => {
    at = tailed({ tail: { maxAgeMillis: 30, slow: '20ms,idle=off' } });
    for (const name of ['stuck', 'idle']) {
      const root = at.tracer.startSpan(name, {}, rootContext);
      at.work(`SELECT ${name}`, () => undefined, trace.setSpan(rootContext, root));
    }
    await eventually(() => heard.counted('tail.decided_early.age') === 2);
    expect(at.names()).to.deep.equal(['SELECT stuck']);
    expect(heard.counted('tail.sampled_out.spans')).to.equal(1);
  });

  it('decides the oldest early where there are too many, and says so once', async () => {
    at = tailed({ tail: { maxTraces: 2 } });
    const roots = ['a', 'b', 'c'].map((name) => at.tracer.startSpan(name, {}, rootContext));
    expect(heard.counts()).to.deep.equal({ 'tail.decided_early.traces': 1 });
    for (const root of roots) root.setStatus({ code: SpanStatusCode.ERROR }).end();
    expect(at.names()).to.deep.equal(['b', 'c']);
    await eventually(() => heard.said.length > 0);
    expect(heard.said).to.deep.equal([
      'warn Traces that tail sampling decided before their end, to stay within its memory: 1. Raise SONDE_TAIL_MAX_TRACES or SONDE_TAIL_MAX_BYTES; `tail.decided_early` in the counters says which.',
    ]);
  });

  it('decides the oldest early where all together hold too much', () => {
    at = tailed({ tail: { maxBytes: 20_000 } });
    const roots = Array.from({ length: 8 }, (_, number) => {
      const root = at.tracer.startSpan(`root ${number}`, {}, rootContext);
      runIn(trace.setSpan(rootContext, root), () => log.debug('x'.repeat(3_000)));
      return root;
    });
    expect(at.tail.held()).to.include({ traces: 5 });
    expect(at.tail.held().bytes).to.be.within(15_000, 20_000);
    for (const root of roots) root.setStatus({ code: SpanStatusCode.ERROR }).end();
    expect(at.names()).to.deep.equal(['root 3', 'root 4', 'root 5', 'root 6', 'root 7']);
    expect(heard.counted('tail.decided_early.bytes')).to.equal(3);
  });

  it('decides a trace early that alone would fill a quarter of the memory, and leaves the others alone', () => {
    at = tailed({ tail: { maxBytes: 100_000 } });
    const quiet = at.tracer.startSpan('quiet', {}, rootContext);
    at.work('noisy', () => {
      for (let i = 0; i < 100; i++) log.debug('x'.repeat(1_000));
    });
    expect(heard.counted('tail.decided_early.bytes')).to.equal(1);
    quiet.setStatus({ code: SpanStatusCode.ERROR }).end();
    expect(at.names()).to.deep.equal(['quiet']);
  });

  /** What a process may do, in any order: work begins in one of a few traces, ends well or not, logs, and time passes. */
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('start' as const), trace: fc.nat(15), isChild: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        at: fc.nat(99),
        fails: fc.boolean(),
        text: fc.nat(600),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('log' as const), at: fc.nat(99), text: fc.nat(600) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), millis: fc.nat(40) }) },
  );

  it('never holds more traces, bytes or time than it may, and loses nothing without a count', () => {
    const real = performance.now;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250, size: 'max' }), (steps) => {
        let passed = 0;
        const begun = real.call(performance);
        performance.now = () => begun + passed;
        heard.close();
        heard = ear();
        at = tailed({ tail: { maxTraces: 12, maxBytes: 4_000, maxAgeMillis: 200, slow: '150ms' } });
        const open: { context: Context; span: Span }[] = [];
        let ended = 0;
        let details = 0;
        try {
          for (const each of steps) {
            if (each.kind === 'wait') {
              passed += each.millis;
              at.tracer.startSpan('clock', {}, rootContext);
              expect(at.tail.held().oldestMillis).to.be.at.most(200);
            }
            if (each.kind === 'start') {
              const around = each.isChild ? open[each.trace % open.length]?.context : undefined;
              const given = around ?? remote(`${each.trace.toString(16)}af7651916cd43dd8400000000000001`, 0);
              const span = at.tracer.startSpan('work', {}, given);
              open.push({ span, context: trace.setSpan(given, span) });
            }
            if (each.kind === 'log' && open.length > 0) {
              runIn(open[each.at % open.length]!.context, () => log.debug('x'.repeat(each.text)));
              details++;
            }
            if (each.kind === 'end' && open.length > 0) {
              const [{ span }] = open.splice(each.at % open.length, 1) as unknown as [{ span: Span }];
              span.setAttribute('text', 'x'.repeat(each.text));
              if (each.fails) span.setStatus({ code: SpanStatusCode.ERROR });
              span.end();
              ended++;
            }
            expect(at.tail.held().traces).to.be.at.most(12);
            expect(at.tail.held().bytes).to.be.within(0, 4_000);
          }
          at.tail.conclude();
          expect(at.tail.held()).to.deep.equal({ traces: 0, bytes: 0, oldestMillis: 0 });
          expect(at.spans.length + heard.counted('tail.sampled_out.spans')).to.equal(ended);
          expect(new Set(at.spans).size).to.equal(at.spans.length);
          expect(at.messages().length + heard.counted('tail.sampled_out.logs')).to.equal(details);
        } finally {
          at.stop();
          performance.now = real;
        }
      }),
      { numRuns: 200 },
    );
  });
});
