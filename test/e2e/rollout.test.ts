/** Set for a whole machine by NODE_OPTIONS: only apps are observed, and nobody else notices. */
import { cpSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { folderOf, machineWide, pathOf, remove, resourceValues } from '../support/rollout.ts';
import { packedSonde } from '../support/tarball.ts';

const require = createRequire(import.meta.url);
const installed = (name: string) => realpathSync(dirname(require.resolve(`${name}/package.json`)));
const nodemon = require.resolve('nodemon/bin/nodemon.js');

const service = `
import http from 'node:http';
const server = http.createServer((_request: http.IncomingMessage, response: http.ServerResponse) => {
  response.end('ok');
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  http.get({ host: '127.0.0.1', port }, (response) => response.resume().on('end', () => server.close()));
});
console.log('listening');
`;

/** The parent folder is where `npm start` works: a name taken from there would be the wrong one. */
const files = {
  'package.json': '{"name":"not-this-one","version":"9.9.9"}',
  'app/package.json': JSON.stringify({
    name: 'orders-service',
    version: '3.2.1',
    type: 'module',
    scripts: { build: 'tsc', start: 'cd .. && node app/dist/server.js' },
    devDependencies: {
      typescript: `file:${installed('typescript')}`,
      '@types/node': `file:${installed('@types/node')}`,
    },
  }),
  'app/tsconfig.json': JSON.stringify({
    compilerOptions: {
      outDir: 'dist',
      rootDir: 'src',
      module: 'nodenext',
      target: 'es2022',
      types: ['node'],
    },
    include: ['src'],
  }),
  'app/src/server.ts': service,
};

const quietNpm = {
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
};

/** Something to see for whoever watches, with nothing but Node.js. */
const call = `const http = require('node:http');
const server = http.createServer((request, response) => response.end()).listen(0, '127.0.0.1', () =>
  http.get({ host: '127.0.0.1', port: server.address().port }, (response) =>
    response.resume().on('end', () => server.close())));`;

/** Without what differs from run to run. */
const said = ({ code, stdout, stderr }: Ended) => ({
  code,
  stdout: stdout.replace(/in \d+m?s/g, 'in a moment'),
  stderr,
});

for (const node of nodeVersions()) {
  describe(`roll-out by NODE_OPTIONS (Node ${node.name})`, function () {
    this.timeout(60_000);
    let folder: string;
    let app: string;

    const npm = (args: string[], env: Record<string, string>) =>
      runNode(args, { node: 'npm', cwd: app, env: { ...quietNpm, ...env } });

    before(async () => {
      folder = folderOf(files);
      app = join(folder, 'app');
      const ended = await npm(['install', '--package-lock-only'], pathOf(node));
      expect(ended.code, ended.stderr).to.equal(0);
    });
    after(() => remove(folder));

    it('observes the service alone of npm ci, npm run build and npm start, and adds no output but its own lines', async () => {
      const sink = await startSink();
      for (const args of [['ci'], ['run', 'build'], ['start']]) {
        const bare = await npm(args, pathOf(node));
        const observed = await npm(args, machineWide(sink, node));
        expect(said({ ...observed, stdout: withoutOwnLines(observed.stdout) }), args.join(' ')).to.deep.equal(
          said(bare),
        );
        expect(bare.code, bare.stderr).to.equal(0);
        if (args[0] !== 'start') expect(sink.requests, args.join(' ')).to.deep.equal([]);
      }
      await sink.close();
      expect(resourceValues(sink, 'service.instance.id')).to.have.length(1);
      expect(resourceValues(sink, 'service.name')).to.deep.equal(['orders-service']);
      expect(resourceValues(sink, 'service.version')).to.deep.equal(['3.2.1']);
      expect(
        sink
          .spans()
          .map((span) => `${span.kind} ${span.name}`)
          .sort(),
      ).to.deep.equal(['2 GET', '3 GET']);
    });

    it('observes an app that has no sonde of its own, CommonJS or ES module', async () => {
      writeFileSync(join(app, 'plain.cjs'), call);
      writeFileSync(join(app, 'plain.mjs'), call.replace(/^.*;/, "import http from 'node:http';"));
      for (const script of ['plain.mjs', 'plain.cjs']) {
        const sink = await startSink();
        const ended = await runNode([join(app, script)], {
          node: node.path,
          cwd: '/',
          env: machineWide(sink, node),
        });
        await sink.close();
        expect(ended, ended.stderr).to.include({ code: 0, stderr: '' });
        expect(resourceValues(sink, 'service.name')).to.deep.equal(['orders-service']);
      }
    });

    it('leaves a tool alone silently, unless SONDE_FORCE says otherwise', async () => {
      const tool = folderOf({
        'node_modules/eslint/package.json': '{"name":"eslint","version":"9.0.0"}',
        'node_modules/eslint/bin/eslint.js': `console.log('0 problems'); ${call}`,
      });
      const run = async (env: Record<string, string>) => {
        const sink = await startSink();
        const ended = await runNode([join(tool, 'node_modules/eslint/bin/eslint.js')], {
          node: node.path,
          env: { ...machineWide(sink, node), ...env },
        });
        await sink.close();
        expect(ended, ended.stderr).to.include({ code: 0, stderr: '' });
        return { ended, sink };
      };
      const alone = await run({});
      expect(alone.ended.stdout).to.equal('0 problems\n');
      expect(alone.sink.requests).to.deep.equal([]);
      const forced = await run({ SONDE_FORCE: 'true' });
      expect(resourceValues(forced.sink, 'service.name')).to.deep.equal(['eslint']);
      remove(tool);
    });

    it('adds nothing to the output of a one-liner that a script reads', async () => {
      for (const flag of ['--print', '--eval']) {
        const sink = await startSink();
        const text = flag === '--print' ? "'v1'" : `console.log('v1'); ${call}`;
        const ended = await runNode([flag, text], { node: node.path, env: machineWide(sink, node) });
        await sink.close();
        expect(ended).to.include({ code: 0, stdout: 'v1\n', stderr: '' });
        expect(sink.requests).to.deep.equal([]);
      }
    });

    it('observes a one-liner whose own command line names the preload, in whatever folder it is', async () => {
      const elsewhere = folderOf({});
      cpSync(packedSonde(), join(elsewhere, 'observability'), { recursive: true });
      const sink = await startSink();
      const ended = await runNode(['--require', './observability/dist/register.cjs', '--eval', call], {
        node: node.path,
        cwd: elsewhere,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
      });
      await sink.close();
      remove(elsewhere);
      expect(ended, ended.stderr).to.include({ code: 0, stderr: '' });
      expect(resourceValues(sink, 'service.instance.id')).to.have.length(1);
    });

    it('observes what node --test runs, not the runner', async () => {
      const tests = folderOf({
        'package.json': '{"name":"tested","version":"1.0.0"}',
        'one.test.cjs': `require('node:test').test('works', () => { ${call} });`,
      });
      const sink = await startSink();
      const ended = await runNode(['--test'], { node: node.path, cwd: tests, env: machineWide(sink, node) });
      await sink.close();
      remove(tests);
      expect(ended.stdout).to.match(/pass 1/);
      expect(ended).to.include({ code: 0, stderr: '' });
      expect(resourceValues(sink, 'service.name')).to.deep.equal(['tested']);
      expect(resourceValues(sink, 'service.instance.id')).to.have.length(1);
    });

    it('leaves the worker threads of a tool alone, and observes those of an app', async () => {
      const script = (tool: string) => ({
        [`${tool}/package.json`]: `{"name":"${tool}"}`,
        [`${tool}/main.cjs`]: `new (require('node:worker_threads').Worker)(process.argv[2]); ${call}`,
        'helper/thread.cjs': call,
      });
      for (const [folderName, instances] of [
        ['node_modules/rollup', 0],
        ['app', 2],
      ] as const) {
        const place = folderOf(script(folderName));
        const sink = await startSink();
        const ended = await runNode([join(place, folderName, 'main.cjs'), join(place, 'helper/thread.cjs')], {
          node: node.path,
          env: machineWide(sink, node),
        });
        await sink.close();
        remove(place);
        expect(ended.code, ended.stderr).to.equal(0);
        expect(resourceValues(sink, 'service.instance.id')).to.have.length(instances);
      }
    });

    it('lets nodemon restart the app when a file changes', async () => {
      const watched = folderOf({
        'package.json': '{"name":"watched","version":"1.0.0"}',
        'app.js': "console.log('start 1'); setInterval(() => {}, 1000);",
      });
      const sink = await startSink();
      let starts = 0;
      const ended = await runNode([nodemon, '--delay', '100ms', 'app.js'], {
        node: node.path,
        cwd: watched,
        env: machineWide(sink, node),
        onStdout(text, kill) {
          const seen = [...text.matchAll(/^start \d$/gm)].length;
          if (seen === starts) return;
          starts = seen;
          if (seen === 1)
            setTimeout(
              () =>
                writeFileSync(
                  join(watched, 'app.js'),
                  "console.log('start 2'); setInterval(() => {}, 1000);",
                ),
              300,
            );
          else kill('SIGTERM');
        },
      });
      await sink.close();
      remove(watched);
      expect(ended.stdout)
        .to.contain('start 1')
        .and.to.contain('start 2')
        .and.to.contain('restarting due to changes');
      expect(ended.stderr).to.equal('');
      const names = resourceValues(sink, 'service.name').filter((name) => name !== 'watched');
      expect(names, 'nodemon itself').to.deep.equal([]);
    });
  });
}

/** Sonde's one good word, that the receiver accepts, and its access record are the service's own output. */
function withoutOwnLines(stdout: string): string {
  const own = ['"logger":"sonde.diagnostics"', '"logger":"access"'];
  const lines = stdout.split('\n').filter((line) => !own.some((mark) => line.includes(mark)));
  return lines.join('\n');
}
