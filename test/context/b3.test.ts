import { type Context, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { b3Format, b3MultiFormat } from '../../src/context/b3.ts';
import { rootContext } from '../../src/context/context.ts';
import type { Format } from '../../src/context/format.ts';
import { traceContextFormat } from '../../src/context/w3c.ts';

const id = '463ac35c9f6413ad48485a3953bb6124';
const span = '0020000000000001';

function extract(headers: Record<string, string>, format: Format = b3Format): Context {
  return format.extract(rootContext, (name) => headers[name]);
}

function inject(context: Context, format: Format): Record<string, string> {
  const headers: Record<string, string> = {};
  format.inject(context, (name, value) => {
    headers[name] = value;
  });
  return headers;
}

describe('b3', () => {
  const both: [string, Record<string, string>, string][] = [
    ['sampled', { b3: `${id}-${span}-1` }, '1'],
    ['not sampled', { b3: `${id}-${span}-0` }, '0'],
    ['debug', { b3: `${id}-${span}-d` }, 'd'],
    ['undecided', { b3: `${id}-${span}` }, '0'],
    ['with a parent', { b3: `${id}-${span}-1-05e3ac9a4f6e3b90` }, '1'],
    ['several headers', { 'x-b3-traceid': id, 'x-b3-spanid': span, 'x-b3-sampled': '1' }, '1'],
    [
      'several headers of an old sender',
      { 'x-b3-traceid': id, 'x-b3-spanid': span, 'x-b3-sampled': 'true' },
      '1',
    ],
    ['several headers, debug', { 'x-b3-traceid': id, 'x-b3-spanid': span, 'x-b3-flags': '1' }, 'd'],
  ];
  for (const [what, headers, decision] of both) {
    it(`reads ${what} and writes it on in one header and in several`, () => {
      const context = extract(headers);
      expect(inject(context, b3Format)).to.deep.equal({ b3: `${id}-${span}-${decision}` });
      expect(inject(context, b3MultiFormat)).to.deep.equal({
        'x-b3-traceid': id,
        'x-b3-spanid': span,
        ...(decision === 'd' ? { 'x-b3-flags': '1' } : { 'x-b3-sampled': decision }),
      });
    });
  }

  it('pads a 64-bit trace id on the left, and calls no trace of a B3 caller random', () => {
    const context = extract({ b3: `48485a3953bb6124-${span}-1` });
    expect(trace.getSpanContext(context)?.traceId).to.equal('000000000000000048485a3953bb6124');
    expect(inject(context, traceContextFormat).traceparent).to.match(/-01$/);
  });

  const wrong = [
    '0',
    '1',
    'd',
    '',
    `${id}`,
    `${id}-${span}-2`,
    `${id}-${span}-1-`,
    `${id}-${'0'.repeat(16)}-1`,
  ];
  for (const header of [...wrong, `${id.toUpperCase()}-${span}-1`, `${id}-${span}-1, ${id}-${span}-1`]) {
    it(`starts a new trace for ${JSON.stringify(header)}`, () => {
      expect(extract({ b3: header })).to.equal(rootContext);
    });
  }

  it('never throws, whatever the headers are', () => {
    const text = fc.option(fc.string({ unit: fc.constantFrom(...'0af-1d,x') }), { nil: undefined });
    fc.assert(
      fc.property(text, text, text, text, (b3, traceId, spanId, flags) => {
        const headers = { b3, 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-flags': flags };
        b3MultiFormat.extract(rootContext, (name) => headers[name as 'b3']);
      }),
    );
  });
});
