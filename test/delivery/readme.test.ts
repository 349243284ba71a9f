/** The table of the contract tells of tests and scripts that are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');

describe('the table of the contract', () => {
  it('has the sections 2.1 to 2.4 and 3', () => {
    for (const section of ['2.1', '2.2', '2.3', '2.4', '3'])
      expect(text).to.match(new RegExp(`^## ${section} `, 'm'));
  });

  it('names what holds each row, and all of it is there', () => {
    const rows = text.split('\n').filter((line) => /^\| (?!---)/.test(line) && !/ held by \|$/.test(line));
    expect(rows.length).to.be.above(50);
    for (const row of rows) {
      const [holders = ''] = row.split('|').slice(-2);
      const files = holders.match(/(?:test|bench)\/[\w./-]+\.ts/g) ?? [];
      if (holders.trim() !== 'none') expect(files, row).to.not.have.length(0);
      for (const file of files) expect(existsSync(join(root, file)), file).to.equal(true);
    }
  });
});
