import { expect } from 'chai';
import fc from 'fast-check';
import { formatTraceparent, parseTraceparent } from '../../src/context/traceparent.ts';

const trace = '12345678901234567890123456789012';
const span = '1234567890123456';
const good = `00-${trace}-${span}-01`;

describe('traceparent (W3C Trace Context level 2)', () => {
  it('is read as the remote parent it names', () => {
    expect(parseTraceparent(good)).to.deep.equal({
      traceId: trace,
      spanId: span,
      traceFlags: 1,
      isRemote: true,
    });
  });

  const accepted: [string, string, number][] = [
    ['no flag', `00-${trace}-${span}-00`, 0],
    ['the random flag', `00-${trace}-${span}-02`, 2],
    ['both flags', `00-${trace}-${span}-03`, 3],
    ['reserved flags, which are not kept', `00-${trace}-${span}-ff`, 3],
    ['a later version of the same form', `cc-${trace}-${span}-01`, 1],
    ['a later version with more after a dash', `cc-${trace}-${span}-01-what-the-future-will-be-like`, 1],
    ['a later version with a bare dash at the end', `cc-${trace}-${span}-01-`, 1],
  ];
  for (const [what, header, flags] of accepted) {
    it(`accepts ${what}`, () => expect(parseTraceparent(header)?.traceFlags).to.equal(flags));
  }

  const refused: [string, string][] = [
    ['nothing', ''],
    ['the forbidden version', `ff-${trace}-${span}-01`],
    ['a version that is no hex', `.0-${trace}-${span}-01`],
    ['a version in upper case', `CC-${trace}-${span}-01`],
    ['a version of three digits', `000-${trace}-${span}-01`],
    ['a version of one digit', `0-${trace}-${span}-01`],
    ['version 00 with anything behind', `${good}-what`],
    ['version 00 with a dash behind', `${good}-`],
    ['version 00 with a dot behind', `${good}.`],
    ['a later version with something else than a dash behind', `cc-${trace}-${span}-01.what`],
    ['a later version that is cut', `cc-${trace}-${span}-0`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${span}-01`],
    ['a trace id in upper case', `00-${'A'.repeat(32)}-${span}-01`],
    ['a trace id with a dot', `00-.${trace.slice(1)}-${span}-01`],
    ['a trace id too long', `00-${trace}3-${span}-01`],
    ['a trace id too short', `00-${trace.slice(1)}-${span}-01`],
    ['a parent id of zeros', `00-${trace}-${'0'.repeat(16)}-01`],
    ['a parent id that is no hex', `00-${trace}-${span.slice(1)}g-01`],
    ['a parent id too long', `00-${trace}-${span}7-01`],
    ['a parent id too short', `00-${trace}-${span.slice(1)}-01`],
    ['flags that are no hex', `00-${trace}-${span}-.0`],
    ['flags in upper case', `00-${trace}-${span}-0F`],
    ['flags of three digits', `00-${trace}-${span}-001`],
    ['flags of one digit', `00-${trace}-${span}-1`],
    ['two headers joined by Node', `${good}, ${good}`],
    ['two headers of a later version', `cc-${trace}-${span}-01, cc-${trace}-${span}-01`],
    ['white space before', ` ${good}`],
    ['a line break behind', `${good}\n`],
    ['underscores for dashes', good.replaceAll('-', '_')],
  ];
  for (const [what, header] of refused) {
    it(`refuses ${what}`, () => expect(parseTraceparent(header)).to.equal(undefined));
  }

  it('never throws, and what it accepts it writes again as version 00', () => {
    const hex = (length: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
    const near = fc.tuple(hex(2), hex(32), hex(16), hex(2), fc.constantFrom('', '-', '-x', '.'));
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      near.map(([v, t, s, f, tail]) => `${v}-${t}-${s}-${f}${tail}`),
    );
    fc.assert(
      fc.property(text, (header) => {
        const parent = parseTraceparent(header);
        if (parent === undefined) return;
        expect(formatTraceparent(parent, parent.traceFlags)).to.match(
          /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/,
        );
        expect(header).to.include(`-${parent.traceId}-${parent.spanId}-`);
      }),
      { numRuns: 1000 },
    );
  });
});
