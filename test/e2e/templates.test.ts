/** View engines tell at DEBUG what they render and what their templates lack, within the request that they render for. */
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { appFolder } from '../support/tarball.ts';

const packages = ['ejs', 'express', 'handlebars', 'pug'];
const millis = / in [\d.]+ ms$/;

for (const node of nodeVersions()) {
  describe(`templates (Node ${node.name})`, function () {
    this.timeout(30_000);

    async function run(file: string) {
      const folder = appFolder(packages, join(import.meta.dirname, 'apps/templates'));
      const args = ['--no-warnings', '--import', 'sonde/register', file];
      const env = {
        SONDE_LOG_LEVEL: 'info,django.template=debug',
        SONDE_OTLP: 'off',
        SONDE_ACCESS_LOG: 'off',
      };
      const ended = await runNode(args, { cwd: folder, node: node.path, env });
      expect(ended.code, ended.stderr).to.equal(0);
      return { ...ended, lines: ended.lines.filter(({ logger }) => logger === 'sonde.template'), folder };
    }

    for (const file of ['app.cjs', 'app.mjs']) {
      it(`${file}: each rendering with its time, and each variable that is missing (A48)`, async () => {
        const { lines, folder, stdout } = await run(file);
        for (const text of ['failed', '<p>Hello Ann</p>', 'Hello Ann']) {
          expect(stdout.split('\n')).to.include(text);
        }
        const views = join(folder, 'views/');
        const told = lines.map((line) => [
          line.correlation_id,
          line.message.replaceAll(views, '').replace(millis, ' in some time'),
        ]);
        expect(told).to.deep.equal([
          ['ejs', 'Variable title is missing in title.ejs'],
          ['ejs', 'Failed to render title.ejs in some time'],
          ['ejs', 'Variable title is missing in hello.ejs'],
          ['ejs', 'Failed to render hello.ejs in some time'],
          ['pug', 'Variable title is missing in hello.pug'],
          ['pug', 'Rendered hello.pug in some time'],
          ['handlebars', 'Variable title is missing in a template of handlebars'],
          ['handlebars', 'Rendered a template of handlebars in some time'],
        ]);
        for (const line of lines) expect(line.level).to.equal('DEBUG');
        expect(lines[5]).to.include({ 'template.engine': 'pug', 'template.name': `${views}hello.pug` });
        expect(lines[5]!.duration_ms).to.be.a('number');
      });
    }
  });
}
