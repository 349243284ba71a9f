import { expect } from 'chai';
import { isInline, isTool, isToolRun, preloads } from '../src/rollout.ts';

const tools: readonly [string, string?][] = [
  ['/usr/lib/node_modules/npm/bin/npm-cli.js', 'ci'],
  ['/usr/lib/node_modules/npm/bin/npx-cli.js'],
  ['/usr/lib/node_modules/corepack/dist/pnpm.js'],
  ['/app/.yarn/releases/yarn-4.9.1.cjs', 'install'],
  ['/app/node_modules/typescript/bin/tsc'],
  ['/app/node_modules/eslint/bin/eslint.js'],
  ['/app/node_modules/next/dist/bin/next', 'build'],
  ['/app/node_modules/vite/bin/vite.js', 'build'],
  ['/app/node_modules/nodemon/bin/nodemon.js', 'app.js'],
  ['/usr/lib/node_modules/pm2/lib/Daemon.js'],
  ['/app/node_modules/prisma/build/index.js', 'migrate'],
  // These two start the app in a process of its own.
  ['/app/node_modules/tsx/dist/cli.mjs', 'server.ts'],
  ['/app/node_modules/@nestjs/cli/bin/nest.js', 'start'],
  ['/app/node_modules/next/dist/compiled/jest-worker/processChild.js'],
  ['/app/node_modules/vitest/vitest.mjs', 'run'],
  ['/app/node_modules/.pnpm/jest@30.0.0/node_modules/jest/bin/jest.js'],
  ['C:\\app\\node_modules\\typescript\\bin\\tsc'],
];

const apps: readonly [string, string?][] = [
  ['/app/server.js'],
  ['/app/npm/server.js'],
  ['/app/node_modules/next/dist/bin/next', 'start'],
  ['/app/node_modules/vite/bin/vite.js', 'preview'],
  ['/usr/lib/node_modules/pm2/lib/ProcessContainerFork.js'],
  ['/app/node_modules/mocha-like-app/index.js'],
];

describe('roll-out by NODE_OPTIONS', () => {
  for (const [script, command] of tools) {
    it(`leaves ${script} ${command ?? ''} alone`, () => expect(isTool(script, command)).to.equal(true));
  }
  for (const [script, command] of apps) {
    it(`observes ${script} ${command ?? ''}`, () => expect(isTool(script, command)).to.equal(false));
  }

  it("leaves Node.js's own test runner and syntax check alone, not what runs the tests", () => {
    expect(isToolRun(['--test'], false)).to.equal(true);
    expect(isToolRun(['--test=src'], false)).to.equal(true);
    expect(isToolRun(['--check'], false)).to.equal(true);
    expect(isToolRun(['--test', '--test-isolation=none'], false)).to.equal(false);
    expect(isToolRun(['--test-timeout=0', '--test'], true)).to.equal(false);
    expect(isToolRun(['--test-timeout=0'], false)).to.equal(false);
  });

  it('tells a script from a one-liner', () => {
    expect(isInline('/app/server.js', ['--enable-source-maps'])).to.equal(false);
    for (const flags of [['-e', '1'], ['-p', '1'], ['--eval=1'], ['--print', '1']]) {
      expect(isInline('/app/argument.js', flags)).to.equal(true);
    }
    expect(isInline(undefined, [])).to.equal(true);
    expect(isInline('-', [])).to.equal(true);
  });

  it('knows what was typed to be preloaded into this very process', () => {
    expect(preloads(['--require', 'sonde/register'])).to.deep.equal(['sonde/register']);
    expect(preloads(['--import=/opt/a/register.cjs', '-r', './b.cjs'])).to.deep.equal([
      '/opt/a/register.cjs',
      './b.cjs',
    ]);
    expect(preloads(['--require-module', '-e', 'sonde', '--enable-source-maps'])).to.deep.equal([]);
  });
});
