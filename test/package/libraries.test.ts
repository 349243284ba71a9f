/** The table of libraries names versions that are installed and tests that are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const folder = join(import.meta.dirname, '..');
const { devDependencies } = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8'));

/** `| pg | 8.23 `pg`, 8.0 `pg-8.0` | file | ... |` */
const rows = readFileSync(join(folder, 'libraries.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe('the table of libraries', () => {
  for (const [library = '', versions = '', ...cells] of rows) {
    it(`${library}: each version is installed`, () => {
      const named = [...versions.matchAll(/([\d.]+) `([^`]+)`/g)];
      expect(named.length > 0 || /^(?:Node's|not yet)$/.test(versions), versions).to.equal(true);
      for (const [, version, name] of named) {
        const range: string = devDependencies[name!] ?? 'none';
        expect(`${range.replace(/^(?:npm:.*@)?[~^]?/, '')}.`, name).to.satisfy((found: string) =>
          found.startsWith(`${version}.`),
        );
      }
    });

    it(`${library}: each cell names a test that is there, or says why there is none`, () => {
      expect(cells).to.have.length(5);
      for (const cell of cells) {
        const files = cell.match(/[\w./-]+\.test\.ts/g) ?? [];
        if (files.length === 0) expect(cell).to.match(/^(?:not yet|by \w+.*)$/);
        for (const file of files) expect(existsSync(join(folder, file)), file).to.equal(true);
      }
    });
  }
});
