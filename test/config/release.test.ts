import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { isDevelopment } from '../../src/config/env.ts';
import { commitOf } from '../../src/config/git.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { runNode } from '../support/child.ts';

const root = join(import.meta.dirname, '../..');
const commit = '0123456789abcdef0123456789abcdef01234567';

describe('release and environment (A61)', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-release-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  }

  it('reads the commit from where Git keeps it: a branch, packed branches, a detached head, a worktree', () => {
    const layouts: Record<string, string>[] = [
      { '.git/HEAD': 'ref: refs/heads/main\n', '.git/refs/heads/main': `${commit}\n` },
      { '.git/HEAD': 'ref: refs/heads/a/b\n', '.git/packed-refs': `# pack-refs\n${commit} refs/heads/a/b\n` },
      { '.git/HEAD': `${commit}\n` },
      {
        '.git': `gitdir: ${'store/worktrees/w'}\n`,
        'store/worktrees/w/HEAD': 'ref: refs/heads/w\n',
        'store/worktrees/w/commondir': '../..\n',
        'store/refs/heads/w': `${commit}\n`,
      },
    ];
    for (const layout of layouts) {
      rmSync(folder, { recursive: true });
      write({ ...layout, 'src/deep/app.js': '' });
      expect(commitOf(join(folder, 'src/deep'))).to.equal(commit);
    }
  });

  it('has none where there is no checkout, no commit yet, or something else', () => {
    expect(commitOf(folder)).to.equal(undefined);
    for (const head of ['ref: refs/heads/main\n', 'nonsense', '', 'ref: refs/../../../secret\n']) {
      write({ '.git/HEAD': head, secret: 'x' });
      expect(commitOf(folder)).to.equal(undefined);
    }
  });

  it('comes from the options, the variables, package.json, the commit, in this order', async () => {
    const show = `import { resolveConfig } from '${root}/src/config/resolve.ts';
      const { service } = resolveConfig(JSON.parse(process.argv[2] ?? '{}')).config;
      console.log(service.version);`;
    const version = async (env: Record<string, string> = {}, options = '{}'): Promise<string> =>
      (await runNode(['app.mts', options], { cwd: folder, env })).stdout.trim();
    const sentry = { SENTRY_RELEASE: 'shop@4' };
    const attributes = { ...sentry, OTEL_RESOURCE_ATTRIBUTES: 'service.version=5' };
    write({ 'app.mts': show, '.git/HEAD': commit });
    expect(await version()).to.equal(commit);
    write({ 'package.json': '{"name":"shop"}' });
    expect(await version()).to.equal(commit);
    write({ 'package.json': '{"name":"shop","version":"3.0.0"}' });
    expect(await version()).to.equal('3.0.0');
    expect(await version(sentry)).to.equal('shop@4');
    expect(await version(attributes)).to.equal('5');
    expect(await version(attributes, '{"service":{"version":"6"}}')).to.equal('6');
  }).timeout(20_000);

  it('takes the environment by the most telling name', () => {
    const named = (env: Record<string, string>): unknown =>
      resolveConfig({}, env).config.resource['deployment.environment.name'];
    const all = { ENVIRONMENT: 'a', SENTRY_ENVIRONMENT: 'b' };
    expect(named({ ENVIRONMENT: 'a' })).to.equal('a');
    expect(named(all)).to.equal('b');
    expect(named({ ...all, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=c' })).to.equal('c');
  });

  it('is development for A8 when any of these names says so', () => {
    expect(isDevelopment({ NODE_ENV: 'production', ENVIRONMENT: 'development' })).to.equal(true);
    expect(isDevelopment({ NODE_ENV: 'development', SENTRY_ENVIRONMENT: 'staging' })).to.equal(false);
    expect(isDevelopment({ ENVIRONMENT: '', NODE_ENV: 'development' })).to.equal(true);
  });

  it('stands in the line of an error, and in no other line, unless a field says it', async () => {
    const app = `import { getLogger, init } from '${root}/src/index.ts'; init();
      const log = getLogger('shop'); log.info('fine'); log.error('bad', new Error('x'));
      log.error('told', new Error('x'), { 'service.version': 'mine' });`;
    write({ 'app.mts': app, 'package.json': '{"name":"shop","version":"3.0.0"}' });
    const env = { ENVIRONMENT: 'staging', SONDE_OTLP: 'off' };
    const { lines } = await runNode(['app.mts'], { cwd: folder, env });
    const release = { 'service.version': '3.0.0', 'deployment.environment.name': 'staging' };
    const [fine, bad, told] = lines;
    expect(fine).not.to.have.any.keys('service.version', 'deployment.environment.name');
    expect(bad).to.include(release);
    expect(told).to.include({ ...release, 'service.version': 'mine' });
    const all = await runNode(['app.mts'], { cwd: folder, env: { ...env, SONDE_LOG_RESOURCE: 'on' } });
    for (const line of all.stdout.split('\n')) {
      expect(line.match(/"deployment\.environment\.name":/g) ?? []).to.have.length(line === '' ? 0 : 1);
    }
  }).timeout(20_000);
});
