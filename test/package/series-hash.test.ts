import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { rememberHashes, seriesHash } from '../../build/series-hash.ts';

const file = join(import.meta.dirname, '../../node_modules/@opentelemetry/sdk-metrics/dist/utils.mjs');

describe('the series of a measurement, as the bundled SDK finds it', () => {
  let official: (attributes: object) => string;
  let bundled: (attributes: object) => string;

  before(async () => {
    const text = readFileSync(file, 'utf8');
    const load = (code: string) => import(`data:text/javascript,${encodeURIComponent(code)}`);
    official = (await load(text)).hashAttributes;
    bundled = (await load(rememberHashes(text))).hashAttributes;
  });

  it('is looked for in the module that is bundled', () => {
    expect(file).to.match(seriesHash);
  });

  it('is that of the official one, frozen or not, at each look', () => {
    for (const attributes of [{}, { b: 1, a: 'x' }, { a: [1, 2], c: true }, { a: undefined }]) {
      const frozen = Object.freeze({ ...attributes });
      for (const each of [attributes, frozen, frozen]) expect(bundled(each)).to.equal(official(attributes));
    }
  });

  it('follows attributes that can change', () => {
    const open: Record<string, unknown> = { a: 1 };
    const list = [1];
    const shallow = Object.freeze({ list });
    for (const each of [open, shallow]) bundled(each);
    open.a = 2;
    list.push(2);
    expect(bundled(open)).to.equal(official({ a: 2 }));
    expect(bundled(shallow)).to.equal(official({ list: [1, 2] }));
  });

  it('is not guessed when the official module has changed', () => {
    expect(() => rememberHashes('export const other = 1;')).to.throw(/another way/);
  });
});
