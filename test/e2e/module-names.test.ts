/** A logger named after its module, in a package as it is and in a bundle (A3). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { rolldown } from 'rolldown';
import { runNode } from '../support/child.ts';
import { appFolder } from '../support/tarball.ts';

describe('the logger of a module (A3)', () => {
  let folder: string;

  function write(path: string, text: string): void {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  async function nameIn(file: string): Promise<string> {
    const ended = await runNode([file], { cwd: folder, env: { SONDE_OTLP: 'off' } });
    expect(ended.code, ended.stderr).to.equal(0);
    return ended.stdout.trim();
  }

  before(() => {
    folder = appFolder();
    write('package.json', JSON.stringify({ name: 'shop', version: '1.0.0' }));
  });

  it('is shop.orders.api for src/orders/api of the package shop, in ES modules and CommonJS', async () => {
    write(
      'src/orders/api.mts',
      `import { getLogger } from 'sonde';\nconsole.log(getLogger(import.meta).name);`,
    );
    write('src/orders/api.cjs', `console.log(require('sonde').getLogger(module).name);`);
    expect(await nameIn('src/orders/api.mts')).to.equal('shop.orders.api');
    expect(await nameIn('src/orders/api.cjs')).to.equal('shop.orders.api');
  });

  it('is what its text says in a bundle, whose file is not the module any more', async () => {
    write(
      'src/orders/pay.mjs',
      `import { getLogger } from 'sonde';\nconsole.log(getLogger('shop.orders.pay').name);`,
    );
    const bundle = await rolldown({ input: join(folder, 'src/orders/pay.mjs'), external: ['sonde'] });
    await bundle.write({ file: join(folder, 'dist/bundle.mjs') });
    await bundle.close();
    expect(await nameIn('dist/bundle.mjs')).to.equal('shop.orders.pay');
  });
});
