/** The table of features in `test/README.md` is complete, and tells of tests that are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const folder = join(import.meta.dirname, '..');

interface Row {
  readonly name: string;
  readonly files: readonly string[];
  readonly state: string;
}

/** `| A1 | what it is | file, file | state |` */
function rowsOf(table: string): Row[] {
  return table.split('\n').flatMap((line) => {
    const [, name = '', , files = '', state = ''] = line.split('|').map((cell) => cell.trim());
    if (!/^A\d+$/.test(name)) return [];
    return [{ name, files: files.match(/[\w./-]+\.ts/g) ?? [], state }];
  });
}

describe('the table of features', () => {
  const rows = rowsOf(readFileSync(join(folder, 'README.md'), 'utf8'));

  it('has each row once and in order', () => {
    expect(rows.map(({ name }) => name)).to.deep.equal(Array.from({ length: 74 }, (_, i) => `A${i + 1}`));
  });

  it('says of each whether it is held, in part with what lacks, or not yet', () => {
    const wrong = rows.filter(({ state }) => !/^(?:held|in part: \S.*|not yet(?:: \S.*)?)$/.test(state));
    expect(wrong).to.deep.equal([]);
  });

  it('names a test for all that is held, and each of them is there and names its row', () => {
    for (const { name, files, state } of rows) {
      if (!state.startsWith('not yet')) expect(files, name).to.not.have.length(0);
      for (const file of files) {
        const path = join(folder, file);
        expect(existsSync(path), `${name}: ${file}`).to.equal(true);
        expect(readFileSync(path, 'utf8'), `${file} names ${name}`).to.match(new RegExp(`\\b${name}\\b`));
      }
    }
  });
});
