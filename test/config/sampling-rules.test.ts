import { expect } from 'chai';
import fc from 'fast-check';
import { samplingRules } from '../../src/config/sampling-kinds.ts';
import { ruleText, spanKinds } from '../../src/traces/sampling-rule.ts';

describe('rules of sampling', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab/:*%; =é{}'), minLength: 1, maxLength: 12 });
  const rule = fc.record(
    {
      route: text,
      name: text,
      service: text,
      kind: fc.constantFrom(...spanKinds),
      attributes: fc.dictionary(fc.stringMatching(/^[a-z]{2}\.[a-z_]{1,8}$/), text, {
        minKeys: 1,
        maxKeys: 3,
        noNullPrototype: true,
      }),
      sample: fc.constantFrom('keep' as const, 'drop' as const, 0, 0.25, 1),
      perSecond: fc.constantFrom(0.1, 1, 50),
    },
    { requiredKeys: ['sample'] },
  );

  it('are read again as they are shown', () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 4 }), (rules) => {
        const read = samplingRules.parse(rules.map(ruleText).join('; '));
        expect(read).to.deep.equal({ value: rules });
        expect(samplingRules.read(rules)).to.deep.equal(rules);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are refused where they are none, whatever is given', () => {
    const wrong = [
      ...[undefined, null, 'keep', {}, [null], [[]], [new Map()], [{ rout: '/a' }], [{ route: 7 }]],
      ...[
        [{ route: '' }],
        [{ kind: 'batch' }],
        [{ sample: 2 }],
        [{ sample: 'some' }],
        [{ sample: Number.NaN }],
      ],
      ...[[{ perSecond: 0 }], [{ perSecond: Number.POSITIVE_INFINITY }], [{ attributes: { a: {} } }]],
    ];
    for (const given of wrong) expect(samplingRules.read(given), JSON.stringify(given)).to.equal(undefined);
    fc.assert(fc.property(fc.anything(), (given) => void samplingRules.read([given])));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (given) => void samplingRules.parse(given)));
  });
});
