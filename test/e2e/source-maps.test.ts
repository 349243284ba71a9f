/** Stacks that Node maps back to their sources: in records as Node shows them, and under one fingerprint (A61). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { appFolder } from '../support/tarball.ts';

/** What a compiler made of lines 4 to 7 of `src/orders.ts`. */
const code = `exports.charge = (order) => {
  const amount = order.id * 2;
  throw new RangeError('no funds for ' + order.id + ', ' + amount + ' wanted');
};`;
/** Line by line, from line 4 on. */
const mappings = 'AAGA;AACA;AACA;AACA';

/** The same source as a build gives it that writes this many lines of its own before it. */
function built(linesBefore: number): string {
  const map = {
    ...{ version: 3, sources: ['../src/orders.ts'], names: [] },
    mappings: ';'.repeat(linesBefore) + mappings,
  };
  const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`;
  return `${'// banner\n'.repeat(linesBefore)}${code}\n//# sourceMappingURL=${url}\n`;
}

const app = `
const { getLogger } = require('sonde');
if (process.argv[2] === 'in code') require('node:module').setSourceMapsSupport(true);
for (const build of ['one', 'two']) {
  try {
    require('./' + build + '/orders.js').charge({ id: build.length * Math.random() });
  } catch (error) {
    getLogger('shop').error(build, error, { shown: error.stack });
  }
}
`;

for (const node of nodeVersions()) {
  describe(`source-mapped stacks (Node ${node.name})`, function () {
    this.timeout(20_000);
    let folder: string;
    before(() => {
      folder = appFolder();
      for (const [name, lines] of Object.entries({ one: 0, two: 7 })) {
        mkdirSync(join(folder, name));
        writeFileSync(join(folder, name, 'orders.js'), built(lines));
      }
      writeFileSync(join(folder, 'mapped.cjs'), app);
    });

    async function run(flags: readonly string[], ...args: string[]) {
      const env = { SONDE_OTLP: 'off', NODE_ENV: 'production' };
      const all = [...flags, '--require', 'sonde/register', 'mapped.cjs', ...args];
      return (await runNode(all, { cwd: folder, node: node.path, env })).lines;
    }

    for (const [way, flags, args] of [
      ['--enable-source-maps', ['--enable-source-maps'], []],
      ['setSourceMapsSupport()', [], ['in code']],
    ] as const) {
      it(`are those of Node with ${way}, and two builds of one source have one fingerprint`, async () => {
        const lines = await run(flags, ...args);
        expect(lines).to.have.length(2);
        for (const line of lines) {
          expect(line['error.stack']).to.equal(line.shown);
          expect(line['error.stack']).to.contain('/src/orders.ts:6:');
        }
        expect(lines[0]!['error.fingerprint']).to.equal(lines[1]!['error.fingerprint']);
      });
    }

    it('are those of the build where nobody maps them', async () => {
      const [one, two] = await run([]);
      expect(one!['error.stack']).to.equal(one!.shown).and.contain('/one/orders.js:');
      expect(one!['error.fingerprint']).not.to.equal(two!['error.fingerprint']);
    });
  });
}
