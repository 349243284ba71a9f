import { type Attributes, type SpanContext, SpanKind, type SpanOptions } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Config, defaults } from '../../src/config/config.ts';
import { idGenerator } from '../../src/context/ids.ts';
import { parseTracestate } from '../../src/context/tracestate.ts';
import { TokenBucket } from '../../src/token-bucket.ts';
import { type Answer, decisions } from '../../src/traces/decide.ts';
import { identityTracerProvider } from '../../src/traces/identity-tracer.ts';
import { readOt } from '../../src/traces/ot-state.ts';
import { samplerOf } from '../../src/traces/sampler.ts';
import type { SamplingRule } from '../../src/traces/sampling-rule.ts';

type Settings = Partial<Config['traces']>;

const sampler = (settings: Settings, service?: string) =>
  samplerOf({ ...defaults.traces, ...settings }, service);
const isKept = ({ decision }: Answer): boolean => decision === decisions.sample;
const stateOf = ({ traceState }: Answer): string | undefined => traceState?.serialize();
const id = (randomness: string): string => `0af7651916cd43dd84${randomness}`;
const traceIds = fc.stringMatching(/^[1-9a-f][0-9a-f]{31}$/);

/** A caller, with the trace state that it sent. */
function caller(traceFlags: number, state: string | undefined, traceId = id('b0000000000000')): SpanContext {
  const traceState = state === undefined ? undefined : parseTracestate(state);
  return { traceId, spanId: 'b7ad6b7169203331', traceFlags, isRemote: true, traceState };
}

describe('consistent probability sampling', () => {
  const rooted = (ratio: number) => sampler({ sampler: 'parentbased_traceidratio', samplerArg: ratio });

  it('keeps what is not below the threshold, and sends the threshold along', () => {
    fc.assert(
      fc.property(traceIds, fc.double({ min: 1e-9, max: 1, noNaN: true }), (traceId, ratio) => {
        const answer = rooted(ratio).decide(undefined, traceId, 'a', {});
        const { threshold } = readOt(answer.traceState);
        if (isKept(answer)) expect(traceId.slice(-14) >= (threshold as string)).to.equal(true);
        else expect(answer.traceState).to.equal(undefined);
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps with a greater ratio all that is kept with a smaller one', () => {
    const ratio = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(traceIds, ratio, ratio, (traceId, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((each) =>
          isKept(rooted(each).decide(undefined, traceId, 'a', {})),
        );
        expect(low && !high).to.equal(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps the share that it names', () => {
    const { decide } = rooted(0.1);
    const count = 20_000;
    let kept = 0;
    for (let i = 0; i < count; i++)
      if (isKept(decide(undefined, idGenerator.generateTraceId(), 'a', {}))) kept++;
    // Six standard deviations: not once in a hundred million runs is it wrong.
    expect(Math.abs(kept - count * 0.1)).to.be.lessThan(6 * Math.sqrt(count * 0.1 * 0.9));
  });

  const followers: [what: string, state: string | undefined, flags: number, sent: string | undefined][] = [
    ['a threshold that fits', 'ot=th:8;rv:c0000000000000,vendor=1', 1, undefined],
    ['a threshold that fits the id', 'ot=th:8', 1, undefined],
    ['no trace state at all', undefined, 1, undefined],
    ["another vendor's trace state", 'vendor=1', 1, undefined],
    ['the randomness alone', 'ot=rv:c0000000000000', 1, undefined],
  ];
  for (const [what, state, flags, sent] of followers) {
    it(`hands on ${what} untouched`, () => {
      const parent = caller(flags, state);
      const answer = rooted(0.5).decide(parent, parent.traceId, 'a', {});
      expect([isKept(answer), stateOf(answer)]).to.deep.equal([true, sent]);
    });
  }

  const erased: [what: string, state: string, flags: number, sent: string][] = [
    [
      'a threshold above the randomness',
      'ot=th:d;rv:c0000000000000,vendor=1',
      1,
      'ot=rv:c0000000000000,vendor=1',
    ],
    ['a threshold above the id', 'ot=th:c,vendor=1', 1, 'vendor=1'],
    ['the threshold of what is not sampled', 'ot=th:8,vendor=1', 0, 'vendor=1'],
    ['a threshold that is none', 'ot=th:XYZ,vendor=1', 1, 'vendor=1'],
    ['a randomness that is none', 'ot=th:8;rv:12', 1, 'ot=th:8'],
    ['the only member', 'ot=th:c', 1, ''],
  ];
  for (const [what, state, flags, sent] of erased) {
    it(`erases ${what}`, () => {
      const parent = caller(flags, state);
      const answer = rooted(0.5).decide(parent, parent.traceId, 'a', {});
      expect([isKept(answer), stateOf(answer)]).to.deep.equal([flags === 1, sent]);
    });
  }

  for (const name of ['always_on', 'traceidratio'] as const) {
    it(`leaves no threshold where ${name} decides anew, and keeps the randomness`, () => {
      const parent = caller(0, 'ot=th:8;rv:c0000000000000');
      const answer = sampler({ sampler: name }).decide(parent, parent.traceId, 'a', {});
      expect([isKept(answer), stateOf(answer)]).to.deep.equal([true, 'ot=rv:c0000000000000']);
    });
  }

  it('asks for no new object where there is nothing to say', () => {
    for (const name of ['always_on', 'parentbased_always_on', 'sonde_rules'] as const) {
      const { decide } = sampler({ sampler: name });
      const parent = { ...caller(1, 'ot=th:8;rv:c0000000000000'), isRemote: false };
      const ask = () => decide(name === 'always_on' ? undefined : parent, parent.traceId, 'a', {});
      expect(ask()).to.equal(ask());
    }
  });
});

describe('sonde_rules', () => {
  const request = (path: string, more: Attributes = {}): SpanOptions => ({
    kind: SpanKind.SERVER,
    attributes: { 'http.request.method': 'GET', 'url.path': path, ...more },
  });
  const keeps = (rule: SamplingRule, name: string, options: SpanOptions, service?: string): boolean => {
    const { decide } = sampler({ sampler: 'sonde_rules', rules: [rule], samplerArg: 0 }, service);
    return isKept(decide(undefined, idGenerator.generateTraceId(), name, options));
  };

  const routes: [route: string, about: string[], not: string[]][] = [
    ['/checkout', ['/checkout', '/checkout/'], ['/checkout/1', '/', '/Checkout']],
    ['/orders/:id', ['/orders/7', '/orders/7/'], ['/orders', '/orders/', '/orders/7/items']],
    ['/orders/{id}/items', ['/orders/7/items'], ['/orders//items']],
    ['/static/*', ['/static/a', '/static/a/b.css', '/static'], ['/statics', '/']],
    ['/v*/up', ['/v1/up', '/v/up'], ['/v1/x/up', '/w1/up']],
    ['*', ['/', '/a/b'], []],
    ['/', ['/'], ['/a']],
  ];
  for (const [route, about, not] of routes) {
    it(`knows what ${route} is about`, () => {
      for (const path of about) expect(keeps({ route }, 'GET', request(path)), path).to.equal(true);
      for (const path of not) expect(keeps({ route }, 'GET', request(path)), path).to.equal(false);
      expect(keeps({ route }, 'GET', {})).to.equal(false);
    });
  }

  it('takes a route that a span begins with', () => {
    expect(keeps({ route: '/orders/:id' }, 'x', { attributes: { 'http.route': '/orders/:id' } })).to.equal(
      true,
    );
  });

  it('goes by name, kind, attributes and service, all of them together', () => {
    const rule: SamplingRule = {
      name: 'report *',
      kind: 'consumer',
      service: 'shop-*',
      attributes: { 'messaging.system': 'kafka', 'messaging.batch.message_count': 3, retry: true },
    };
    const attributes = { 'messaging.system': 'kafka', 'messaging.batch.message_count': 3, retry: true };
    const options = { kind: SpanKind.CONSUMER, attributes };
    expect(keeps(rule, 'report daily', options, 'shop-eu')).to.equal(true);
    expect(keeps(rule, 'reports', options, 'shop-eu')).to.equal(false);
    expect(keeps(rule, 'report daily', { ...options, kind: SpanKind.PRODUCER }, 'shop-eu')).to.equal(false);
    expect(keeps(rule, 'report daily', options, 'billing')).to.equal(false);
    for (const name of Object.keys(attributes)) {
      const less = { ...attributes, [name]: 'other' };
      expect(keeps(rule, 'report daily', { ...options, attributes: less }, 'shop-eu'), name).to.equal(false);
    }
    expect(keeps({ kind: 'internal' }, 'job', {})).to.equal(true);
  });

  it('lets the first rule win, and what none is about have the ratio', () => {
    const rules: SamplingRule[] = [
      { route: '/checkout/*', sample: 'keep' },
      { route: '/checkout/status', sample: 'drop' },
      { kind: 'server', sample: 'drop' },
      { name: 'nightly', sample: 0.25 },
    ];
    const { decide } = sampler({ sampler: 'sonde_rules', rules, samplerArg: 0.5 });
    const ask = (randomness: string, name: string, options: SpanOptions = {}) => {
      const answer = decide(undefined, id(randomness), name, options);
      return [isKept(answer), stateOf(answer)];
    };
    expect(ask('00000000000001', 'GET', request('/checkout/status'))).to.deep.equal([true, 'ot=th:0']);
    expect(ask('ffffffffffffff', 'GET', request('/cart'))).to.deep.equal([false, undefined]);
    expect(ask('c0000000000000', 'nightly')).to.deep.equal([true, 'ot=th:c']);
    expect(ask('bfffffffffffff', 'nightly')).to.deep.equal([false, undefined]);
    expect(ask('bfffffffffffff', 'other')).to.deep.equal([true, 'ot=th:8']);
  });

  it('decides as well where no span is recorded, and sends the threshold on', () => {
    const rules: SamplingRule[] = [{ route: '/orders/:id', sample: 'keep' }, { sample: 'drop' }];
    const provider = identityTracerProvider({
      sampler: sampler({ sampler: 'sonde_rules', rules }),
      ids: idGenerator,
    });
    const start = (path: string) => {
      const { traceFlags, traceState } = provider
        .getTracer('a')
        .startSpan('GET', request(path))
        .spanContext();
      return [traceFlags, traceState?.serialize()];
    };
    expect(start('/orders/7')).to.deep.equal([1, 'ot=th:0']);
    expect(start('/cart')).to.deep.equal([0, undefined]);
  });

  it("follows the caller's decision before any rule", () => {
    const { decide } = sampler({ sampler: 'sonde_rules', rules: [{ sample: 'drop' }], samplerArg: 1 });
    const parent = caller(1, 'ot=th:8');
    expect(isKept(decide(parent, parent.traceId, 'GET', request('/')))).to.equal(true);
    const { decide: all } = sampler({ sampler: 'sonde_rules', rules: [{ sample: 'keep' }] });
    expect(isKept(all(caller(0, undefined), parent.traceId, 'GET', request('/')))).to.equal(false);
  });

  it('takes no more than its time over what a caller makes long', () => {
    const route = `/${'*a'.repeat(40)}b/*`;
    // A rule that tried every way to match would need longer than the age of the universe.
    expect(keeps({ route }, 'GET', request(`/${'a'.repeat(16_000)}`))).to.equal(false);
  });
});

describe('traces a second', () => {
  it('are at once one second of them, then as many as a second has', () => {
    const bucket = new TokenBucket(10);
    const taken = (now: number, tries: number) =>
      Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;
    expect(taken(0, 50)).to.equal(10);
    expect(taken(100, 50)).to.equal(1);
    expect(taken(1_100, 50)).to.equal(10);
    expect(taken(100_000, 50)).to.equal(10);
  });

  it('may be fewer than one', () => {
    const bucket = new TokenBucket(0.1);
    expect([bucket.take(0), bucket.take(9_000), bucket.take(10_000)]).to.deep.equal([true, false, true]);
  });

  it('are never more than the limit over any time, whenever they begin', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 1_000, noNaN: true }),
        fc.array(fc.nat(3_000), { minLength: 1, maxLength: 200 }),
        (perSecond, gaps) => {
          const bucket = new TokenBucket(perSecond);
          let now = 0;
          let taken = 0;
          for (const gap of gaps) {
            now += gap;
            if (bucket.take(now)) taken++;
          }
          expect(taken).to.be.at.most(Math.max(1, perSecond) + (now / 1_000) * perSecond + 1e-6);
        },
      ),
    );
  });

  for (const name of ['always_on', 'parentbased_traceidratio', 'sonde_rules'] as const) {
    it(`limit what ${name} keeps, without a threshold that would not be true`, () => {
      const { decide } = sampler({ sampler: name, tracesPerSecond: 0.001 });
      const answers = [1, 2, 3].map(() => decide(undefined, idGenerator.generateTraceId(), 'a', {}));
      expect(answers.map(isKept)).to.deep.equal([true, false, false]);
      expect(answers.map(stateOf)).to.deep.equal([undefined, undefined, undefined]);
    });

    it(`count with ${name} only the traces that begin here, and keep a trace whole`, () => {
      const { decide } = sampler({ sampler: name, tracesPerSecond: 0.001 });
      const remote = caller(1, 'ot=th:8');
      for (let i = 0; i < 3; i++) expect(isKept(decide(remote, remote.traceId, 'a', {}))).to.equal(true);
      expect(isKept(decide(undefined, id('c0000000000000'), 'a', {}))).to.equal(true);
      const dropped: SpanContext = { ...caller(0, undefined), isRemote: false };
      expect(isKept(decide(dropped, dropped.traceId, 'a', {}))).to.equal(false);
    });
  }

  it('limit what one rule is about, and leave the others alone', () => {
    const rules: SamplingRule[] = [{ name: 'poll', perSecond: 0.001 }, { sample: 'keep' }];
    const { decide } = sampler({ sampler: 'sonde_rules', rules });
    const kept = (name: string) => isKept(decide(undefined, idGenerator.generateTraceId(), name, {}));
    expect([kept('poll'), kept('poll'), kept('work'), kept('work')]).to.deep.equal([true, false, true, true]);
  });
});
