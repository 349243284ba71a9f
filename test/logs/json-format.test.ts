import { ROOT_CONTEXT } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Stamp, stampOf } from '../../src/context/correlation.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { recordWith } from './captured.ts';

const format = jsonFormat();
const nobody = stampOf(ROOT_CONTEXT);
const stamp: Stamp = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 1,
  correlationId: 'req-1',
  requestId: 'r-2',
  attributes: { 'user.id': 4 },
};

function parsed(parts: Partial<LogRecord>, line = format): Record<string, any> {
  const text = line(recordWith(parts));
  expect(text).to.not.match(/[\p{Cc}\u2028\u2029]/u);
  expect(keysOf(text)).to.eql([...new Set(keysOf(text))]);
  return JSON.parse(text) as Record<string, any>;
}

/** The keys of the outermost object as they stand in the text, repeated ones too. */
function keysOf(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[[\]{}]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token.endsWith(':')) keys.push(JSON.parse(token.slice(0, -1)) as string);
  }
  return keys;
}

describe('the JSON line', () => {
  it('has the fixed names first and in order, then attributes from the far to the near (A22)', () => {
    const line = parsed({
      stamp,
      bound: { tenant: 'a' },
      fields: { orderId: 1042, nested: { a: { b: 1 } } },
    });
    expect(Object.entries(line)).to.eql([
      ['timestamp', '2026-01-21T10:30:00.123Z'],
      ['level', 'INFO'],
      ['logger', 'shop.orders'],
      ['message', 'order created'],
      ['trace_id', stamp.traceId],
      ['span_id', stamp.spanId],
      ['trace_flags', '01'],
      ['correlation_id', 'req-1'],
      ['user.id', 4],
      ['tenant', 'a'],
      ['orderId', 1042],
      ['nested', { a: { b: 1 } }],
    ]);
  });

  it('is without ids outside any unit of work, and says 00 when the trace is not sampled', () => {
    expect(Object.keys(parsed({}))).to.eql(['timestamp', 'level', 'logger', 'message']);
    expect(parsed({ stamp: { ...stamp, traceFlags: 0 } }).trace_flags).to.equal('00');
    const correlated = { ...nobody, correlationId: 'only' };
    expect(parsed({ stamp: correlated }))
      .to.include({ correlation_id: 'only' })
      .and.not.have.property('trace_id');
  });

  it('changes its ids with the span, though the text of the last span is kept', () => {
    const other = { ...stamp, spanId: '00f067aa0ba902b7' };
    expect([stamp, other, stamp].map((each) => parsed({ stamp: each }).span_id)).to.eql([
      stamp.spanId,
      other.spanId,
      stamp.spanId,
    ]);
  });

  it('has request_id and resource names only where they are asked for', () => {
    const asked = jsonFormat({ requestId: true, resource: { 'service.name': 'shop' } });
    expect(parsed({ stamp }, asked)).to.include({ request_id: 'r-2', 'service.name': 'shop' });
    expect(parsed({ stamp })).to.not.have.any.keys('request_id', 'service.name');
    const clash = { 'service.name': 'x', request_id: 'y' };
    expect(parsed({ stamp, fields: clash }, asked)).to.include({
      'service.name': 'shop',
      'attributes.service.name': 'x',
      'attributes.request_id': 'y',
    });
    expect(parsed({ fields: clash })).to.include(clash);
  });

  it('lets no field forge a fixed name, an error or an event', () => {
    const forged = {
      trace_id: 'f',
      level: 'l',
      'error.type': 'e',
      'attributes.trace_id': 'g',
      error: 'plain',
    };
    const line = parsed({ stamp, eventName: 'order_created', fields: { ...forged, 'event.name': 'n' } });
    expect(line).to.include({
      trace_id: stamp.traceId,
      'event.name': 'order_created',
      'attributes.trace_id': 'f',
      'attributes.level': 'l',
      'attributes.error.type': 'e',
      'attributes.attributes.trace_id': 'g',
      'attributes.event.name': 'n',
      error: 'plain',
    });
  });

  it('writes the nearest of equal names, once', () => {
    const near = parsed({ stamp, bound: { 'user.id': 5, a: 1 }, fields: { a: 2 } });
    expect(near).to.include({ 'user.id': 5, a: 2 });
    const event = parsed({ stamp, eventName: 'e', bound: { 'user.id': 5, a: 1 }, fields: { a: 2 } });
    expect(event).to.include({ 'user.id': 5, a: 2 });
    expect(parsed({ stamp, bound: { a: 1 } })).to.include({ 'user.id': 4, a: 1 });
    expect(parsed({ bound: { a: 1 }, fields: { a: undefined } })).to.include({ a: 1 });
  });

  it('follows bound objects that hold objects, which may change', () => {
    const user = { name: 'a' };
    const bound = { user };
    expect(parsed({ bound }).user).to.eql({ name: 'a' });
    user.name = 'b';
    expect(parsed({ bound }).user).to.eql({ name: 'b' });
  });

  it('gives back every plain value as it was: parse, re-serialise, compare', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.integer(),
        // Larger whole numbers are cards now and then, by chance, and hidden as they should be.
        fc
          .double({ noNaN: true, min: -1e11, max: 1e11 })
          .map((number) => (Object.is(number, -0) ? 0 : number)),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(text, tie('any'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).any;
    const fixed =
      /^(timestamp|level|logger|message|trace_id|span_id|trace_flags|correlation_id|(error|attributes)\..*)$/s;
    fc.assert(
      fc.property(text, fc.dictionary(text, value, { noNullPrototype: true }), (message, given) => {
        const fields = Object.fromEntries(Object.entries(given).filter(([key]) => !fixed.test(key)));
        const line = parsed({ message, stamp, fields });
        expect(line.message).to.equal(message);
        const back = Object.fromEntries(Object.keys(fields).map((key) => [key, line[key]]));
        expect(JSON.stringify(back)).to.equal(JSON.stringify(fields));
        expect(JSON.parse(JSON.stringify(line))).to.eql(line);
      }),
      { numRuns: 300 },
    );
  });

  it('has no key twice and is one line, whatever comes from wherever', () => {
    const names = fc.constantFrom(
      'a',
      'trace_id',
      'error.type',
      'attributes.a',
      'attributes.trace_id',
      'message',
      'event.name',
      'attributes.event.name',
      'attributes.attributes.trace_id',
      '__proto__',
      'toString',
    );
    const fields = fc.option(fc.dictionary(names, fc.anything(), { noNullPrototype: true }), {
      nil: undefined,
    });
    const event = fc.option(fc.string(), { nil: undefined });
    fc.assert(
      fc.property(fields, fields, fields, event, (attributes, bound, own, eventName) => {
        parsed({
          stamp: { ...stamp, attributes: attributes as Stamp['attributes'] },
          bound,
          fields: own,
          eventName,
        });
      }),
      { numRuns: 500 },
    );
  });

  it('takes any string there is, lone surrogates as replacement characters', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 80 }), (codes) => {
        const text = String.fromCharCode(...codes);
        const line = parsed({ message: text, fields: { text, [`k${text}`]: 1 } });
        expect(line).to.include({ message: text.toWellFormed(), text: text.toWellFormed() });
        expect(Object.keys(line)).to.have.length(6);
      }),
    );
    expect(parsed({ fields: { '\ud800': 1, '\ud801': 2 } })).to.include({ '\\ud800': 1, '\\ud801': 2 });
  });

  it('writes times before 1970, in the far future, and none at all', () => {
    for (const time of [-1, 0, 0.5, 999.999, 1e12 + 0.25, 8.64e15]) {
      expect(parsed({ time }).timestamp).to.equal(new Date(Math.floor(time)).toISOString());
    }
    expect(parsed({ time: Number.NaN }).timestamp).to.equal('1970-01-01T00:00:00.000Z');
  });
});
