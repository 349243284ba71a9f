/** The doors of the packed tarball: what can be imported is what the declarations promise, in one instance. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { VERSION } from '../../src/version.ts';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { appFolder } from '../support/tarball.ts';

const root = join(import.meta.dirname, '../..');
const compiler = join(root, 'node_modules/typescript/bin/tsc');
const doors = ['sonde', 'sonde/register', 'sonde/testing'];
/** What Node.js adds to every CommonJS module that is imported. */
const added = ['default', 'module.exports'];
const quiet = { OTEL_SDK_DISABLED: 'true' };

/** Compiles only when `names` are exactly the values that the door's declaration exports. */
function claim(door: string, names: readonly string[]): string {
  const rows = names.map((name) => `  ${JSON.stringify(name)}: true,`).join('\n');
  return (
    `import * as door from '${door}';\n` +
    `type Values = Exclude<keyof typeof door, ${added.map((name) => `'${name}'`).join(' | ')}>;\n` +
    `export const names: { [name in Values]: true } = {\n${rows}\n};\n`
  );
}

describe('the doors of the package', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = appFolder(['@types/node', 'undici-types']);
  });

  for (const node of nodeVersions()) {
    for (const door of doors) {
      it(`${door} exports to ES modules exactly the values of its declaration (Node ${node.name})`, async () => {
        const script = `console.log(JSON.stringify(Object.keys(await import('${door}'))))`;
        const args = ['--input-type=module', '--eval', script];
        const ended = await runNode(args, { cwd: folder, node: node.path, env: quiet });
        expect(ended.stderr).to.equal('');
        const names = (JSON.parse(ended.stdout) as string[]).filter((name) => !added.includes(name));
        writeFileSync(join(folder, 'claim.mts'), claim(door, names));
        const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--types', 'node'];
        execFileSync(compiler, [...flags, '--ignoreConfig', 'claim.mts'], {
          cwd: folder,
          encoding: 'utf8',
        });
      });
    }
  }

  it('gives require and import the same functions', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import * as imported from 'sonde';
      import * as testing from 'sonde/testing';
      const require = createRequire(process.cwd() + '/x.js');
      const differing = (a, b) => Object.keys(b).filter((name) => a[name] !== b[name]);
      console.log(JSON.stringify([
        ...differing(imported, require('sonde')),
        ...differing(testing, require('sonde/testing')),
        typeof imported.init,
      ]));`;
    const ended = await runNode(['--input-type=module', '--eval', script], { cwd: folder, env: quiet });
    expect(ended.stderr).to.equal('');
    expect(JSON.parse(ended.stdout)).to.deep.equal(['function']);
  });

  it('tells the version of package.json', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(VERSION).to.equal(version);
  });
});
