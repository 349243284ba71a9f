/** An app and Sonde made into one file, or the app alone; and TypeScript that is run as it is. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type BuildOptions, build } from 'esbuild';
import webpack, { type Configuration } from 'webpack';
import { type Ended, runNode } from '../support/child.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const app = `
import { getLogger, init } from 'sonde';
import express from 'express';
init();
const log = getLogger('shop');
const app = express();
app.get('/orders/:id', (request, response) => {
  setTimeout(() => { log.info('read'); response.end('ok'); }, 1);
});
const server = app.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  await fetch('http://127.0.0.1:' + port + '/orders/1');
  server.close();
  server.closeAllConnections();
});
`;
const banner =
  "import { createRequire as appRequire } from 'node:module'; const require = appRequire(import.meta.url);";
const plain: BuildOptions = { bundle: true, platform: 'node', logLevel: 'silent' };

const byEsbuild = (options: BuildOptions) => async (folder: string) => {
  const outfile = join(folder, options.format === 'esm' ? 'out.mjs' : 'out.cjs');
  await build({ ...plain, ...options, entryPoints: [join(folder, 'app.mjs')], outfile });
  return outfile;
};
const byWebpack = (options: Configuration) => async (folder: string) => {
  const stats = await promisify((done: (error: Error | null, stats?: webpack.Stats) => void) =>
    webpack(
      {
        ...{ mode: 'none', target: 'node', entry: join(folder, 'app.mjs'), context: folder },
        ...{ output: { path: folder, filename: 'out.cjs' }, ...options },
      },
      done as never,
    ),
  )();
  expect(stats!.hasErrors(), stats!.toString('errors-only')).to.equal(false);
  return join(folder, 'out.cjs');
};
const cjs: BuildOptions = { format: 'cjs', external: ['sonde'] };

const inside: readonly [string, (folder: string) => Promise<string>, boolean][] = [
  ['esbuild, sonde external', byEsbuild(cjs), false],
  ['esbuild, inlined', byEsbuild({ format: 'cjs' }), true],
  ['esbuild, inlined and minified', byEsbuild({ format: 'cjs', minify: true }), true],
  ['esbuild, inlined as an ES module', byEsbuild({ format: 'esm', banner: { js: banner } }), true],
  ['webpack, sonde external', byWebpack({ externals: { sonde: 'commonjs sonde' } }), false],
  ['webpack, inlined', byWebpack({}), true],
];

describe('a bundled app', function () {
  this.timeout(60_000);
  let sink: OtlpSink;
  before(async () => {
    sink = await startSink();
  });
  after(() => sink.close());

  function folderOf(): string {
    const folder = appFolder(['express']);
    writeFileSync(join(folder, 'app.mjs'), app);
    writeFileSync(join(folder, 'package.json'), '{ "name": "shop", "dependencies": { "express": "5" } }');
    return folder;
  }

  function run(args: readonly string[], cwd: string, service: string): Promise<Ended> {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
      OTEL_SERVICE_NAME: service,
      SONDE_LOG_FORMAT: 'json',
    };
    return runNode(args, { cwd, env });
  }

  function judge(ended: Ended, service: string): void {
    expect(ended.code, ended.stderr).to.equal(0);
    const own = ended.lines.find(({ message }) => message === 'read')!;
    const spans = sink.spans().filter(({ resource }) => resource['service.name'] === service);
    const server = spans.find(({ name }) => name === 'GET /orders/:id');
    expect(own.trace_id)
      .to.match(/^[0-9a-f]{32}$/)
      .and.equal(server?.traceId);
    const sent = sink.logs().filter(({ resource }) => resource['service.name'] === service);
    expect(sent.map(({ body }) => body)).to.include('read');
  }

  for (const [name, bundle, isInlined] of inside) {
    it(`logs, traces and sends (${name})`, async () => {
      const folder = folderOf();
      const ended = await run([await bundle(folder)], folder, name);
      judge(ended, name);
      const told = `${ended.stdout}${ended.stderr}`.split('\n').filter((line) => line.includes('be patched'));
      expect(told).to.have.length(isInlined ? 1 : 0);
      if (isInlined) expect(told[0]).to.match(/not to be patched: express\b.*--external:NAME/);
    });
  }

  it('leaves out of its line what is loaded by its name', async () => {
    const folder = folderOf();
    const outfile = await byEsbuild({ format: 'cjs', external: ['express'] })(folder);
    const ended = await run([outfile], folder, 'express outside');
    judge(ended, 'express outside');
    expect(`${ended.stdout}${ended.stderr}`).to.not.contain('be patched');
  });

  it('starts by `sonde/register` that was inlined', async () => {
    const folder = folderOf();
    writeFileSync(join(folder, 'app.mjs'), `import 'sonde/register';\n${app.replace('init();', '')}`);
    const ended = await run([await byEsbuild({ format: 'cjs' })(folder)], folder, 'register');
    judge(ended, 'register');
  });

  for (const flag of ['--require', '--import']) {
    it(`runs as TypeScript by tsx (${flag})`, async () => {
      const folder = folderOf();
      const bin = join(import.meta.dirname, '../../node_modules');
      mkdirSync(join(folder, 'node_modules'), { recursive: true });
      symlinkSync(join(bin, 'tsx'), join(folder, 'node_modules/tsx'));
      writeFileSync(join(folder, 'app.ts'), `enum Kind { A }\n${app.replace('init();', 'void Kind.A;')}`);
      const ended = await run([flag, 'sonde/register', '--import', 'tsx', 'app.ts'], folder, `tsx ${flag}`);
      judge(ended, `tsx ${flag}`);
    });
  }

  it('runs as TypeScript by ts-node', async () => {
    const folder = appFolder({ express: 'express', 'ts-node': 'ts-node', typescript: 'typescript-5' });
    const options = { module: 'commonjs', target: 'es2022', esModuleInterop: true, strict: false };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
    const typed = app.replace('server.address()', 'server.address() as any').replace('init();', '');
    writeFileSync(join(folder, 'app.ts'), `// @ts-nocheck\nenum Kind { A }\n${typed}void Kind.A;\n`);
    const preloads = ['--require', 'sonde/register', '--require', 'ts-node/register'];
    judge(await run([...preloads, 'app.ts'], folder, 'ts-node'), 'ts-node');
  });
});
