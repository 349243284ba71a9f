/** What the preload costs a script that does nothing: files read, modules of Node.js loaded, sockets opened. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

/** Says at its end what the process had done by then. Nothing but a console.log, which Node.js has ready. */
const script = `
const { cache } = require;
console.log(JSON.stringify({
  files: Object.keys(cache).filter((file) => file !== __filename),
  modules: process.moduleLoadList.map((name) => name.replace(/^NativeModule /, '')),
  resources: process.getActiveResourcesInfo(),
}));`;

interface Seen {
  readonly files: readonly string[];
  readonly modules: readonly string[];
  readonly resources: readonly string[];
}

for (const node of nodeVersions()) {
  describe(`the preload of an empty script (Node ${node.name})`, function () {
    this.timeout(30_000);
    let seen: Seen;
    let bare: Seen;

    before(async () => {
      const folder = appFolder();
      writeFileSync(join(folder, 'app.cjs'), script);
      const sink = await startSink();
      const look = async (flags: string[], env: Record<string, string> = {}): Promise<Seen> => {
        const { lines, stderr } = await runNode([...flags, 'app.cjs'], { cwd: folder, node: node.path, env });
        expect(stderr).to.equal('');
        return lines.find((line) => line.files) as Seen;
      };
      bare = await look([]);
      seen = await look(['--require', 'sonde/register'], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl });
      await sink.close();
    });

    it('reads at most 12 files', () => {
      expect(seen.files).to.have.length.within(1, 12);
    });

    it('has no socket and no timer that holds the process', () => {
      expect(seen.resources).to.deep.equal(bare.resources);
    });

    it('loads no module of the network, no cipher, no compression, no streams and no threads', () => {
      const unwanted = [
        'net',
        'http',
        'https',
        'http2',
        'tls',
        'zlib',
        'crypto',
        'dns',
        'dgram',
        'stream',
        'worker_threads',
        'v8',
        'inspector',
        'child_process',
        'internal/deps/undici/undici',
      ];
      const extra = seen.modules.filter((name) => !bare.modules.includes(name));
      expect(extra.filter((name) => unwanted.includes(name))).to.deep.equal([]);
    });

    it('loads no terminal where its output goes to /dev/null', function () {
      if (process.platform !== 'linux') this.skip();
      const told =
        "require('node:fs').writeSync(2, String(process.moduleLoadList.includes('NativeModule tty')))";
      const cwd = appFolder();
      writeFileSync(join(cwd, 'told.cjs'), told);
      const args = ['--require', 'sonde/register', 'told.cjs'];
      const { stderr } = spawnSync(node.path, args, {
        cwd,
        env: { PATH: process.env.PATH, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      expect(String(stderr)).to.match(/^false/);
    });
  });
}
