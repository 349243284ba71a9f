/** Next.js as it is deployed: built with `output: 'standalone'`, from what `npm ci --prefix test/next` brings. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SpanKind } from '@opentelemetry/api';
import { expect } from 'chai';
import { cleanEnvironment } from '../support/child.ts';
import { freePort } from '../support/ports.ts';
import { runService } from '../support/service.ts';
import { appFolder } from '../support/tarball.ts';

const app = join(import.meta.dirname, '../next');

describe('a standalone build of Next.js', function () {
  this.timeout(240_000);
  let folder: string;

  before(function () {
    if (!existsSync(join(app, 'node_modules/next'))) {
      if (process.env.CI === 'true') throw new Error('Next.js is missing: .ci/run installs it.');
      console.log('Next.js is skipped: `npm ci --prefix test/next` brings it.');
      this.skip();
    }
    folder = appFolder();
    cpSync(app, folder, { recursive: true, verbatimSymlinks: true });
    const env = { ...cleanEnvironment(), NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' } as const;
    execFileSync(process.execPath, ['node_modules/next/dist/bin/next', 'build'], {
      cwd: folder,
      env,
      stdio: 'pipe',
    });
    cpSync(join(folder, 'serve.cjs'), join(folder, '.next/standalone/serve.cjs'));
  });

  async function run(args: readonly string[]) {
    const cwd = join(folder, '.next/standalone');
    const env = { PORT: String(await freePort()), HOSTNAME: '127.0.0.1' };
    return runService([...args, 'serve.cjs'], { cwd, env }, async (port) => {
      // Next.js listens before it has run instrumentation.js, and lets requests wait for that.
      await fetch(`http://127.0.0.1:${port}/healthz`);
      const headers = { 'X-Correlation-ID': 'abc-1' };
      const answers = ['/api/orders', '/items/7', '/nothing'].map((path) =>
        fetch(`http://127.0.0.1:${port}${path}`, { headers }).then((response) => response.status),
      );
      return Promise.all(answers);
    });
  }

  async function isWhole(args: readonly string[]): Promise<void> {
    const { ended, sink, driven } = await run(args);
    expect(driven, ended.stderr).to.deep.equal([200, 200, 404]);

    const all = sink.spans().filter(({ kind }) => kind === SpanKind.SERVER + 1);
    const servers = all.filter(({ scope }) => scope === 'sonde');
    expect(all.filter(({ traceId }) => servers.some((span) => span.traceId === traceId))).to.have.length(3);
    expect(servers.map(({ name }) => name).sort()).to.deep.equal([
      'GET',
      'GET /api/orders',
      'GET /items/[id]',
    ]);
    const traceOf = (name: string) => servers.find((span) => span.name === name)?.traceId;
    const children = sink.spans().filter(({ traceId }) => traceId === traceOf('GET /api/orders'));
    expect(children.map(({ name }) => name)).to.include.members(['SELECT', 'GET /api/orders']);

    const lines = ended.lines.filter(({ logger }) => logger?.startsWith('shop.'));
    expect(
      lines.map(({ logger, trace_id, correlation_id }) => [logger, trace_id, correlation_id]).sort(),
    ).to.deep.equal([
      ['shop.items', traceOf('GET /items/[id]'), 'abc-1'],
      ['shop.orders', traceOf('GET /api/orders'), 'abc-1'],
    ]);
    const access = ended.lines.filter(({ logger }) => logger === 'access');
    expect(access.map((line) => [line['http.route'], line['db.calls']])).to.have.deep.members([
      ['/api/orders', 1],
      ['/items/[id]', undefined],
      [undefined, undefined],
    ]);
  }

  it('is observed by what its instrumentation.js starts', () => isWhole([]));

  it('is observed by the preload, and instrumentation.js finds it running', () =>
    isWhole(['--require', 'sonde/register']));

  it('is observed by the preload alone', async () => {
    const chunk = join(folder, '.next/standalone/.next/server/instrumentation.js');
    renameSync(chunk, `${chunk}.away`);
    await isWhole(['--require', 'sonde/register']);
    rmSync(`${chunk}.away`);
  });
});
