import type { TraceState } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseTracestate } from '../../src/context/tracestate.ts';
import { readOt, withThreshold } from '../../src/traces/ot-state.ts';
import { readThreshold, shortThreshold, thresholdOf } from '../../src/traces/threshold.ts';

const state = (header: string): TraceState => parseTracestate(header) as TraceState;
const all = 2n ** 56n;

describe('a sampling threshold', () => {
  // The table of tracestate-probability-sampling, "Converting floating-point probability to threshold value".
  const table: [oneIn: number, threshold: string][] = [
    [1, '0'],
    [2, '8'],
    [3, 'aaab'],
    [4, 'c'],
    [5, 'cccd'],
    [8, 'e'],
    [10, 'e666'],
    [16, 'f'],
    [100, 'fd70a'],
    [1_000, 'ffbe77'],
    [10_000, 'fff9724'],
    [100_000, 'ffff583a'],
    [1_000_000, 'ffffef39'],
  ];
  for (const [oneIn, threshold] of table) {
    it(`for one of ${oneIn} is the one of the specification`, () => {
      expect(shortThreshold(thresholdOf(1 / oneIn) as string)).to.equal(threshold);
    });
  }

  it('is none for a share that is not one of 2^56', () => {
    expect([thresholdOf(0), thresholdOf(2 ** -58)]).to.deep.equal([undefined, undefined]);
    expect(thresholdOf(2 ** -56)).to.equal('ffffffffffffff');
  });

  it('keeps the share that was asked for, and a greater one for a greater ratio', () => {
    const ratio = fc.double({ min: 1e-9, max: 1, noNaN: true });
    fc.assert(
      fc.property(ratio, ratio, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((each) => thresholdOf(each) as string);
        expect((low as string) >= (high as string)).to.equal(true);
        const kept = Number(all - BigInt(`0x${thresholdOf(a)}`)) / Number(all);
        expect(kept).to.be.within(a * 0.999, a * 1.001);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is read again as it was written', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1, noNaN: true }), (ratio) => {
        const threshold = thresholdOf(ratio) as string;
        expect(threshold).to.match(/^[0-9a-f]{14}$/);
        expect(readThreshold(shortThreshold(threshold))).to.equal(threshold);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("OpenTelemetry's member of a trace state", () => {
  it('gives threshold and randomness, and nothing that is wrong', () => {
    expect(readOt(state('ot=th:c;rv:6e6d1a75832a2f'))).to.deep.equal({
      threshold: 'c0000000000000',
      randomness: '6e6d1a75832a2f',
    });
    const wrong = [
      'ot=th:;rv:1',
      'ot=th:C;rv:6E6D1A75832A2F',
      'ot=th:123456789abcdef',
      'ot=th:c;th:8',
      'ot=x',
    ];
    for (const header of wrong) {
      expect(readOt(state(header)), header).to.deep.equal({ threshold: undefined, randomness: undefined });
    }
  });

  it('keeps what others have put there, its randomness, and the other members', () => {
    const before = state('vendor=1,ot=x:1;th:c;rv:6e6d1a75832a2f,other=2');
    expect(withThreshold(before, '80000000000000')?.serialize()).to.equal(
      'ot=th:8;x:1;rv:6e6d1a75832a2f,vendor=1,other=2',
    );
    expect(withThreshold(before, undefined)?.serialize()).to.equal(
      'ot=x:1;rv:6e6d1a75832a2f,vendor=1,other=2',
    );
  });

  it('goes when nothing is left of it, and is the same object when nothing changes', () => {
    expect(withThreshold(state('ot=th:c,vendor=1'), undefined)?.serialize()).to.equal('vendor=1');
    expect(withThreshold(state('ot=th:c;rv:nonsense'), undefined)?.serialize()).to.equal('');
    const kept = state('ot=th:c;rv:6e6d1a75832a2f');
    expect(withThreshold(kept, 'c0000000000000')).to.equal(kept);
    const foreign = state('vendor=1');
    expect(withThreshold(foreign, undefined)).to.equal(foreign);
    expect(withThreshold(undefined, undefined)).to.equal(undefined);
  });

  it('never grows past 256 characters', () => {
    const full = state(`ot=x:${'v'.repeat(254)}`);
    expect(withThreshold(full, 'c0000000000000')).to.equal(full);
    const tight = state(`ot=th:c;x:${'v'.repeat(248)}`);
    expect(withThreshold(tight, 'cccd0000000000')?.serialize()).to.equal(`ot=x:${'v'.repeat(248)}`);
  });

  it('says what it was told, whatever stood there', () => {
    const field = fc.constantFrom('th:c', 'th:zz', 'rv:6e6d1a75832a2f', 'rv:x', 'x:1', 'y:2', '', ';');
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), fc.boolean(), (fields, isSet) => {
        const before = parseTracestate(`ot=${fields.join(';')},vendor=1`);
        const threshold = isSet ? 'e6660000000000' : undefined;
        const after = withThreshold(before, threshold);
        expect(readOt(after).threshold).to.equal(threshold);
        expect(after?.get('vendor')).to.equal(before?.get('vendor'));
        expect(withThreshold(after, threshold)).to.equal(after);
      }),
      { numRuns: 1_000 },
    );
  });
});
