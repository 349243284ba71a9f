import { type Context, propagation as otelPropagation, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { defaults } from '../../src/config/config.ts';
import { rootContext } from '../../src/context/context.ts';
import { correlationOf, withCorrelation } from '../../src/context/correlation.ts';
import { createPropagation, type Propagation } from '../../src/context/propagation.ts';
import { suppressed } from '../../src/context/suppression.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = `00-${traceId}-b7ad6b7169203331-01`;

type Overrides = { propagators?: readonly string[] } & Partial<typeof defaults.correlation>;

function propagationWith({
  propagators = defaults.propagators,
  ...correlation
}: Overrides = {}): Propagation {
  return createPropagation({ propagators, correlation: { ...defaults.correlation, ...correlation } });
}

const plain = propagationWith();

/** A request's context as the server makes it: the caller's, a local span, a unit of work. */
function serving(headers: Record<string, string>, using = plain, traceFlags = 1): Context {
  const { context, correlationId } = using.extractRequest(headers);
  const remote = trace.getSpanContext(context);
  const span = {
    traceId: remote?.traceId ?? 'c'.repeat(32),
    spanId: 'd'.repeat(16),
    traceFlags,
    traceState: remote?.traceState,
  };
  return withCorrelation(trace.setSpanContext(context, span), {
    id: correlationId ?? using.newCorrelationId(),
    requestId: undefined,
    attributes: {},
  });
}

function sent(
  context: Context,
  host = 'payments',
  using = plain,
  own: readonly string[] = [],
): Record<string, string> {
  const headers: Record<string, string> = {};
  const has = (lowerName: string) => own.includes(lowerName);
  using.injectRequest(host, context, has, (name, value) => {
    headers[name] = value;
  });
  return headers;
}

describe('propagation', () => {
  describe('a request comes in', () => {
    it('continues the caller, starting from the root', () => {
      const { context } = plain.extractRequest({
        traceparent: parent,
        tracestate: 'a=1,b=2',
        baggage: 'k=v',
      });
      const remote = trace.getSpanContext(context);
      expect(remote).to.include({ traceId, spanId: 'b7ad6b7169203331', traceFlags: 1, isRemote: true });
      expect(remote?.traceState?.serialize()).to.equal('a=1,b=2');
      expect(otelPropagation.getBaggage(context)?.getEntry('k')?.value).to.equal('v');
      expect(correlationOf(context)).to.equal(undefined);
    });

    it('drops a wrong tracestate alone, and does not read one without traceparent', () => {
      const { context } = plain.extractRequest({ traceparent: parent, tracestate: 'FOO=1' });
      expect(trace.getSpanContext(context)).to.include({ traceId, traceState: undefined });
      expect(plain.extractRequest({ tracestate: 'foo=1' }).context).to.equal(rootContext);
    });

    it('believes the first valid header of the list, and tells the name to echo it under (A27)', () => {
      const both = { 'x-correlation-id': 'c-1', 'x-request-id': 'r-1' };
      expect(plain.extractRequest(both)).to.include({
        correlationId: 'c-1',
        requestId: 'r-1',
        headerName: 'X-Correlation-ID',
      });
      expect(plain.extractRequest({ ...both, 'x-correlation-id': 'not valid' })).to.include({
        correlationId: 'r-1',
        headerName: 'X-Request-ID',
      });
      const own = propagationWith({ headers: ['X-Trace', 'x-REQUEST-id'] });
      expect(own.extractRequest(both)).to.include({ correlationId: 'r-1', headerName: 'x-REQUEST-id' });
    });

    const hostile = ['a\r\nSet-Cookie: x=1', 'x'.repeat(10_240), 'a, b', '', '<b>', 'ä'];
    for (const value of hostile) {
      it(`keeps no part of ${JSON.stringify(value.slice(0, 20))} (A27)`, () => {
        const { context, ...ids } = plain.extractRequest({
          'x-correlation-id': value,
          'x-request-id': value,
        });
        expect(context).to.equal(rootContext);
        expect(ids).to.deep.equal({ correlationId: undefined, requestId: undefined, headerName: undefined });
      });
    }

    it('trusts no caller when the list is empty, and still has a name for its own id', () => {
      const wary = propagationWith({ headers: [] });
      const incoming = wary.extractRequest({ 'x-correlation-id': 'c-1', 'x-request-id': 'r-1' });
      expect(incoming.correlationId).to.equal(undefined);
      expect(incoming.requestId).to.equal(undefined);
      expect(wary.correlationHeader).to.equal('X-Correlation-ID');
    });

    it('never throws and keeps nothing invalid, whatever the headers are (A27)', () => {
      const names = ['traceparent', 'tracestate', 'baggage', 'b3', 'x-correlation-id', 'x-request-id'];
      const every = propagationWith({ propagators: ['tracecontext', 'baggage', 'b3', 'b3multi'] });
      const value = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(fc.string()),
        fc.integer(),
        fc.constant(null),
      );
      fc.assert(
        fc.property(fc.dictionary(fc.constantFrom(...names), value), (headers) => {
          const { correlationId = 'none', requestId = 'none' } = every.extractRequest(headers as never);
          expect(`${correlationId}${requestId}`).to.match(/^[A-Za-z0-9._:+/=@#~-]+$/);
          every.extract(headers);
        }),
        { numRuns: 500 },
      );
    });

    it('reads megabytes of hostile text without stalling', () => {
      const long = 1_000_000;
      for (const text of ['a=1,', ',', ' ', '\t', '%41', 'a=;', '0', '-', '=']) {
        const value = text.repeat(long / text.length);
        for (const name of ['traceparent', 'tracestate', 'baggage', 'b3', 'x-correlation-id']) {
          plain.extractRequest({ [name]: value, ...(name === 'tracestate' && { traceparent: parent }) });
        }
      }
    });
  });

  describe('a request goes out', () => {
    it('adds no id of its own when the app has set one under any name of the list (A27)', () => {
      const context = serving({ traceparent: parent, 'x-correlation-id': 'ours' });
      expect(sent(context)).to.include({ 'X-Correlation-ID': 'ours' });
      for (const own of ['x-correlation-id', 'x-request-id']) {
        expect(sent(context, 'payments', plain, [own])).to.not.have.property('X-Correlation-ID');
      }
    });

    it('keeps a traceparent that the app has set', () => {
      const context = serving({ traceparent: parent });
      expect(sent(context, 'payments', plain, ['traceparent'])).to.not.have.property('traceparent');
    });

    it('carries the current span, the list of vendors and the correlation id to a trusted host (A27)', () => {
      const context = serving({
        traceparent: parent,
        tracestate: 'a=1',
        'x-request-id': 'r-1',
        baggage: 'k=v',
      });
      expect(sent(context)).to.deep.equal({
        traceparent: `00-${traceId}-dddddddddddddddd-01`,
        tracestate: 'a=1',
        baggage: 'k=v',
        'X-Correlation-ID': 'r-1',
      });
    });

    it('carries neither correlation id nor baggage to a stranger, but the trace', () => {
      const context = serving({ traceparent: parent, 'x-correlation-id': 'c-1', baggage: 'k=v' });
      expect(sent(context, 'api.example.com:443')).to.have.all.keys('traceparent');
      const wide = propagationWith({ propagateTo: ['.example.com'] });
      expect(sent(context, 'api.example.com:443', wide)).to.include({
        'X-Correlation-ID': 'c-1',
        baggage: 'k=v',
      });
    });

    it('sends the trace id as the correlation id where none came, so that one string finds all (A27)', () => {
      expect(sent(serving({ traceparent: parent }))['X-Correlation-ID']).to.equal(traceId);
      const generating = propagationWith({ generator: 'uuid' });
      expect(sent(serving({}, generating), 'payments', generating)['X-Correlation-ID']).to.match(
        /^[0-9a-f-]{36}$/,
      );
    });

    const flags: [string, string, number, string][] = [
      ['keeps the random flag of the caller', '03', 1, '03'],
      ['keeps the random flag of the caller when it samples itself', '02', 1, '03'],
      ['keeps the random flag of the caller when it does not sample', '03', 0, '02'],
      ['sets no random flag that the caller did not set', '01', 1, '01'],
      ['sends no flag it does not know', 'ff', 1, '03'],
    ];
    for (const [what, received, local, expected] of flags) {
      it(`${what} (level 2)`, () => {
        const context = serving({ traceparent: parent.replace(/01$/, received) }, plain, local);
        expect(sent(context).traceparent).to.match(new RegExp(`-${expected}$`));
      });
    }

    it('sets the random flag on a trace that begins here (level 2)', () => {
      expect(sent(serving({})).traceparent).to.match(/-03$/);
      expect(sent(serving({}, plain, 0)).traceparent).to.match(/-02$/);
    });

    it('hands on a caller unchanged where there is no span of our own', () => {
      const { context } = plain.extractRequest({ traceparent: parent });
      expect(sent(context).traceparent).to.equal(parent);
    });

    it('sends nothing outside a unit of work and nothing for unobserved work', () => {
      expect(sent(rootContext)).to.deep.equal({});
      expect(sent(suppressed(serving({ traceparent: parent })))).to.deep.equal({});
    });

    it('sends no header at all with OTEL_PROPAGATORS=none, and still reads the correlation id (A27)', () => {
      const silent = propagationWith({ propagators: ['none'] });
      const headers = { traceparent: parent, 'x-correlation-id': 'c-1' };
      expect(silent.extractRequest(headers).correlationId).to.equal('c-1');
      expect(sent(serving(headers, silent), 'localhost', silent)).to.deep.equal({});
      expect(silent.textMap.fields()).to.deep.equal([]);
    });

    it('writes what OTEL_PROPAGATORS names, and leaves unknown names out', () => {
      const zipkin = propagationWith({ propagators: ['b3', 'b3multi', 'jaeger'] });
      const headers = sent(
        serving({ b3: `${traceId}-b7ad6b7169203331-1` }, zipkin),
        'api.example.com',
        zipkin,
      );
      expect(headers).to.have.all.keys('b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled');
      expect(headers.b3).to.equal(`${traceId}-dddddddddddddddd-1`);
    });
  });

  describe('a message', () => {
    const context = serving({ traceparent: parent, 'x-correlation-id': 'c-1', baggage: 'k=v' });
    const carriers: [string, () => object][] = [
      ['an object', () => ({})],
      ['an object without prototype', () => Object.create(null)],
      ['a Map', () => new Map()],
      ['Headers', () => new Headers()],
    ];
    for (const [what, make] of carriers) {
      it(`carries a context in ${what} (A31)`, () => {
        const carrier = make();
        plain.inject(carrier, context);
        const received = plain.extract(carrier);
        expect(trace.getSpanContext(received)).to.include({ traceId, spanId: 'd'.repeat(16) });
        expect(correlationOf(received)?.id).to.equal('c-1');
        expect(otelPropagation.getBaggage(received)?.getEntry('k')?.value).to.equal('v');
      });
    }

    it('is read in any case, from lists and from bytes (A31)', () => {
      const received = plain.extract({ TraceParent: [parent], 'x-CORRELATION-id': Buffer.from('c-2') });
      expect(trace.getSpanContext(received)?.traceId).to.equal(traceId);
      expect(correlationOf(received)?.id).to.equal('c-2');
    });

    it('that names two parents starts a new trace', () => {
      expect(trace.getSpanContext(plain.extract({ traceparent: [parent, parent] }))).to.equal(undefined);
    });

    it('gets the new parent over an old one in whatever case, and keeps a correlation id of the app (A31)', () => {
      const carrier = { Traceparent: 'old', 'x-correlation-id': 'mine' };
      plain.inject(carrier, context);
      expect(carrier.Traceparent).to.include(traceId);
      expect(carrier['x-correlation-id']).to.equal('mine');
      expect(Object.keys(carrier)).to.deep.equal(['Traceparent', 'x-correlation-id', 'baggage']);
    });

    it('that cannot be written or read hurts nobody', () => {
      const hostile = new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      );
      for (const carrier of [Object.freeze({}), hostile]) {
        plain.inject(carrier, context);
        expect(trace.getSpanContext(plain.extract(carrier))).to.equal(undefined);
      }
      for (const carrier of [null, undefined, 7, 'text']) plain.extract(carrier);
    });
  });

  it('serves the OpenTelemetry API with all formats and the correlation header', () => {
    const carrier: Record<string, string> = {};
    const setter = {
      set: (c: typeof carrier, name: string, value: string) => Object.assign(c, { [name]: value }),
    };
    const getter = { get: (c: typeof carrier, name: string) => c[name], keys: Object.keys };
    plain.textMap.inject(serving({ traceparent: parent, 'x-correlation-id': 'c-1' }), carrier, setter);
    expect(Object.keys(carrier)).to.deep.equal(['traceparent', 'X-Correlation-ID']);
    const received = plain.textMap.extract(rootContext, carrier, getter);
    expect(trace.getSpanContext(received)?.traceId).to.equal(traceId);
    expect(correlationOf(received)?.id).to.equal('c-1');
    expect(plain.textMap.fields()).to.include.members([
      'traceparent',
      'tracestate',
      'baggage',
      'X-Correlation-ID',
    ]);
  });
});
