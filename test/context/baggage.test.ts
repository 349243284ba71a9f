import { propagation } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { formatBaggage, parseBaggage } from '../../src/context/baggage.ts';

function read(header: string): Record<string, string> {
  const entries = parseBaggage(header)?.getAllEntries() ?? [];
  return Object.fromEntries(entries.map(([key, { value }]) => [key, value]));
}

describe('baggage (W3C)', () => {
  it('is read with white space around, percent-encoding undone, and its metadata kept', () => {
    expect(read('userId=alice , serverNode = DF%2028;p=1;q , isProduction=false,empty=')).to.deep.equal({
      userId: 'alice',
      serverNode: 'DF 28',
      isProduction: 'false',
      empty: '',
    });
    const entry = parseBaggage('k=v ; p1 ; p2=2')?.getEntry('k');
    expect(entry?.metadata?.toString()).to.equal('p1 ; p2=2');
  });

  const wrong = [
    'b',
    '=1',
    'b c=1',
    'b=a b',
    'b="1"',
    'b=\\',
    'b=%zz',
    'b=%ff',
    'b=ä',
    'b(=1',
    'b=1;ä',
    'b=1\n2',
  ];
  for (const member of wrong) {
    it(`drops the wrong member ${JSON.stringify(member)} alone`, () => {
      expect(read(`a=1,${member},c=3`)).to.deep.equal({ a: '1', c: '3' });
    });
  }

  it('keeps 64 members and 8,192 bytes, each member whole', () => {
    const many = Array.from({ length: 70 }, (_, i) => `k${i}=${i}`).join(',');
    expect(Object.keys(read(many))).to.have.length(64);
    const long = `a=1,b=${'x'.repeat(8190)},c=3`;
    expect(read(long)).to.deep.equal({ a: '1' });
    expect(read(`a=${'x'.repeat(9000)}`)).to.deep.equal({});
  });

  it('writes within the same limits', () => {
    const entries = Array.from({ length: 80 }, (_, i) => [`k${i}`, { value: 'v'.repeat(200) }]);
    const header = formatBaggage(propagation.createBaggage(Object.fromEntries(entries)));
    expect(header.length).to.be.at.most(8192);
    expect(Object.keys(read(header))).to.have.length(header.split(',').length);
    expect(Object.keys(read(header)).length).to.be.within(38, 64);
  });

  it('survives names and values of any text, lone surrogates included', () => {
    const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.string({ unit: 'grapheme', maxLength: 20 }), { maxKeys: 9 }),
        (given) => {
          const entries = Object.entries(given).map(([name, value]) => [name, { value }]);
          const header = formatBaggage(propagation.createBaggage(Object.fromEntries(entries)));
          expect(read(header)).to.deep.equal(Object.fromEntries(Object.entries(given)));
        },
      ),
    );
    expect(formatBaggage(propagation.createBaggage({ a: { value: '\ud800' } }))).to.equal('a=%EF%BF%BD');
  });

  it('never throws, whatever the header is', () => {
    const near = fc.string({ unit: fc.constantFrom(...'ab=;,% \t"\\2ä'), maxLength: 80 });
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (header) => {
        const baggage = parseBaggage(header);
        if (baggage !== undefined) formatBaggage(baggage);
      }),
      { numRuns: 1000 },
    );
  });

  it('is no door to the prototype of an object', () => {
    expect(parseBaggage('__proto__=1,a=2')?.getEntry('a')?.value).to.equal('2');
    expect(({} as Record<string, unknown>).value).to.equal(undefined);
  });
});
