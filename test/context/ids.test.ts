import { expect } from 'chai';
import fc from 'fast-check';
import { generateCorrelationId, idGenerator, isCorrelationId } from '../../src/context/ids.ts';

describe('ids', () => {
  it('makes trace and span ids of lower-case hex that never repeat, beyond one pool of bytes', () => {
    const traces = Array.from({ length: 2000 }, () => idGenerator.generateTraceId());
    const spans = Array.from({ length: 2000 }, () => idGenerator.generateSpanId());
    for (const id of traces) expect(id).to.match(/^(?!0{32})[0-9a-f]{32}$/);
    for (const id of spans) expect(id).to.match(/^(?!0{16})[0-9a-f]{16}$/);
    expect(new Set([...traces, ...spans]).size).to.equal(4000);
  });

  it('sets every bit of a trace id as often as not, so that the random flag is true', () => {
    const ones = new Array<number>(128).fill(0);
    for (let i = 0; i < 4000; i++) {
      const bits = BigInt(`0x${idGenerator.generateTraceId()}`);
      for (let bit = 0; bit < 128; bit++) ones[bit]! += Number((bits >> BigInt(bit)) & 1n);
    }
    for (const count of ones) expect(count).to.be.within(1700, 2300);
  });

  it('generates correlation ids as configured: none of its own, a UUID, or 32 hex digits (A27)', () => {
    expect(generateCorrelationId('trace')).to.equal(undefined);
    expect(generateCorrelationId('uuid')).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(generateCorrelationId('hex')).to.match(/^[0-9a-f]{32}$/);
  });

  it('believes a correlation id of 1 to 128 plain characters and nothing else (A27)', () => {
    for (const good of ['a', 'Az09._:+/=@#~-', 'x'.repeat(128), 'req-1042', 'user@host#7']) {
      expect(isCorrelationId(good), good).to.equal(true);
    }
    const bad = [
      '',
      'x'.repeat(129),
      'a b',
      'a\r\nSet-Cookie: x',
      'a\n',
      'a,b',
      'ä',
      '<script>',
      'a"b',
      'x'.repeat(10_240),
    ];
    for (const value of [...bad, undefined, null, 7, ['a'], { length: 1 }]) {
      expect(isCorrelationId(value), String(value)).to.equal(false);
    }
  });

  it('believes no text that holds any other character, wherever it stands (A27)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const plain =
          text.length >= 1 && text.length <= 128 && [...text].every((c) => /[A-Za-z0-9._:+/=@#~-]/.test(c));
        return isCorrelationId(text) === plain;
      }),
    );
  });
});
