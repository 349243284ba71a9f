import { expect } from 'chai';
import { harmlessNames, harmlessTexts, labelled, looks, type Planted, secretNames } from './corpus.ts';
import { endedSpan, namePlaces, recordOutputs, spanOutputs, textPlaces } from './places.ts';

const value = 'Zq7Hx2Vn9LtW4Rb6';

/** The part of a secret that stays on one line whatever writes it. */
function trace({ secret }: Planted): string {
  return secret
    .split('\n')
    .reduce((longest, line) => (/PRIVATE|^.{0,9}$/.test(line) ? longest : line), secret);
}

describe('secrets in telemetry (A62)', () => {
  const planted = [...labelled, ...looks];

  it('are planted in more than 300 ways', () => {
    expect(planted.length + secretNames.length).to.be.above(300);
  });

  for (const [place, plant] of Object.entries(textPlaces)) {
    for (const [output, write] of Object.entries(recordOutputs)) {
      it(`never leave from a ${place} as ${output}`, () => {
        const leaks = planted.filter((each) => write(plant(each.text)).includes(trace(each)));
        expect(leaks).to.deep.equal([]);
      });
    }
  }

  for (const [place, plant] of Object.entries(namePlaces)) {
    for (const [output, write] of Object.entries(recordOutputs)) {
      it(`never leave under a secret name in a ${place} as ${output}`, () => {
        for (const secret of [value, [value], { of: value }]) {
          const leaks = secretNames.filter((name) => write(plant({ [name]: secret })).includes(value));
          expect(leaks).to.deep.equal([]);
        }
      });
    }
  }

  for (const [output, write] of Object.entries(spanOutputs)) {
    it(`never leave with a span as ${output}: name, attributes, events, exceptions, links, status`, () => {
      const leaks = planted.filter((each) => {
        const { text } = each;
        return write(endedSpan(text, { note: text, list: ['x', text], 'url.full': text }, text)).includes(
          trace(each),
        );
      });
      expect(leaks).to.deep.equal([]);
    });

    it(`never leave under a secret name in a span as ${output}`, () => {
      const leaks = secretNames.filter((name) =>
        write(endedSpan('work', { [name]: value, [`${name}s`]: 1 }, 'failed')).includes(value),
      );
      expect(leaks).to.deep.equal([]);
    });
  }

  it('are gone as numbers, too', () => {
    const { 'console json': json } = recordOutputs;
    expect(json!(textPlaces.field!('x'))).to.include('"note":"x"');
    const line = json!(namePlaces.field!({ a: 4111111111111111, b: 378282246310005n, cvv: 123, pin: 4711n }));
    expect(JSON.parse(line)).to.include({
      a: '[REDACTED]',
      b: '[REDACTED]',
      cvv: '[REDACTED]',
      pin: '[REDACTED]',
    });
  });
});

describe('what only looks like a secret', () => {
  it('is more than 150 texts', () => {
    expect(harmlessTexts.length).to.be.above(150);
  });

  for (const text of harmlessTexts) {
    it(`stays as it is: ${JSON.stringify(text).slice(0, 60)}`, () => {
      const line = recordOutputs['console json']!(namePlaces.field!({ note: text }));
      expect(JSON.parse(line).note).to.equal(text.toWellFormed());
      const span = endedSpan('work', { note: text }, 'failed');
      expect(span.attributes.note).to.equal(text);
    });
  }

  it('keeps its value under a harmless name, whatever the case', () => {
    const write = recordOutputs['console json']!;
    const hidden = harmlessNames.filter(
      (name) => !write(namePlaces.field!({ [name]: 'kept' })).includes('kept'),
    );
    expect(hidden).to.deep.equal([]);
  });

  it('keeps numbers that are no cards', () => {
    const fields = { at: 1768991400123, total: 149.99, id: 4111111111111112, big: 12345678901234567890n };
    const line = JSON.parse(recordOutputs['console json']!(namePlaces.field!(fields)));
    expect(line).to.include({ at: 1768991400123, total: 149.99, id: 4111111111111112 });
  });

  it('keeps what tells nothing: no value, a boolean, an empty text', () => {
    const line = JSON.parse(
      recordOutputs['console json']!(
        namePlaces.field!({ password: null, token: '', hasCookie: true, secret: false }),
      ),
    );
    expect(line).to.include({ password: null, token: '', hasCookie: true, secret: false });
  });
});
