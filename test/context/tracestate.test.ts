import { expect } from 'chai';
import fc from 'fast-check';
import { parseTracestate } from '../../src/context/tracestate.ts';

const members = (count: number): string => Array.from({ length: count }, (_, i) => `bar${i}=${i}`).join(',');
const again = (header: string): string | undefined => parseTracestate(header)?.serialize();

describe('tracestate (W3C Trace Context level 2)', () => {
  const kept: [string, string, string][] = [
    ['one member', 'foo=1', 'foo=1'],
    ['members in their order', 'foo=1,bar=2,baz=3', 'foo=1,bar=2,baz=3'],
    ['several headers joined by Node', 'foo=1, bar=2', 'foo=1,bar=2'],
    ['spaces and tabs around members', '\t foo=1 \t,\t bar=2\t', 'foo=1,bar=2'],
    ['empty members, which are skipped', 'foo=1,,\t,bar=2,', 'foo=1,bar=2'],
    ['every character of a key', 'a-z_0*9/@x=1', 'a-z_0*9/@x=1'],
    ['a key that begins with a digit', '0foo=1', '0foo=1'],
    ['keys of several tenants, in any form', 'foo@=1,foo@@bar=1,t@v@w=2', 'foo@=1,foo@@bar=1,t@v@w=2'],
    ['a key of 256 characters', `${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
    ['a value of 256 characters', `foo=${'v'.repeat(256)}`, `foo=${'v'.repeat(256)}`],
    ['leading spaces of a value', 'foo=  1', 'foo=  1'],
    [
      'every character of a value',
      'foo=!"#$%&\'()*+-./:;<>?@[\\]^_`{|}~ 1',
      'foo=!"#$%&\'()*+-./:;<>?@[\\]^_`{|}~ 1',
    ],
    ['32 members', members(32), members(32)],
    ['the first of two members of one key', 'foo=1,bar=2,foo=3', 'foo=1,bar=2'],
  ];
  for (const [what, header, expected] of kept) {
    it(`keeps ${what}`, () => expect(again(header)).to.equal(expected));
  }

  const discarded: [string, string][] = [
    ['nothing', ''],
    ['only empty members', ', ,\t,'],
    ['33 members', members(33)],
    ['a key with a space', 'foo =1,bar=2'],
    ['a key in upper case', 'FOO=1,bar=2'],
    ['a key with a dot', 'foo.bar=1'],
    ['a key that begins with an at sign', '@foo=1,bar=2'],
    ['an empty key', '=1'],
    ['a key of 257 characters', `foo=1,${'z'.repeat(257)}=1`],
    ['a member without a value', 'foo'],
    ['an empty value', 'foo=,bar=3'],
    ['an equals sign in a value', 'foo=bar=baz'],
    ['a value of 257 characters', `foo=${'v'.repeat(257)}`],
    ['a control character', 'foo=a\x00b'],
    ['a letter beyond ASCII', 'foo=ä'],
    ['a line break at the end', 'foo=1\n'],
  ];
  for (const [what, header] of discarded) {
    it(`discards the whole list for ${what}`, () => expect(parseTracestate(header)).to.equal(undefined));
  }

  it('puts a changed member in front, lets the right-most fall out, and never changes in place', () => {
    const state = parseTracestate(members(32))!;
    const changed = state.set('sonde', 'x').set('bar5', 'new');
    expect(changed.serialize())
      .to.match(/^bar5=new,sonde=x,bar0=0,/)
      .and.not.include('bar31=');
    expect(changed.get('bar5')).to.equal('new');
    expect(state.serialize()).to.equal(members(32));
    expect(state.unset('bar0').get('bar0')).to.equal(undefined);
    expect(state.set('BAD', '1').set('ok', 'a,b').serialize()).to.equal(members(32));
  });

  it('never throws, and what it accepts it reads again as the same', () => {
    const token = fc.string({ unit: fc.constantFrom(...'ab@_=, \t9Z\n'), maxLength: 60 });
    fc.assert(
      fc.property(fc.oneof(token, fc.string({ unit: 'binary' })), (header) => {
        const once = again(header);
        if (once !== undefined) expect(again(once)).to.equal(once);
      }),
      { numRuns: 1000 },
    );
  });
});
