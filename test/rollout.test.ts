import { expect } from 'chai';
import { isTool } from '../src/rollout.ts';

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
  ['/app/node_modules/tsx/dist/cli.mjs', 'server.ts'],
  ['/app/node_modules/@nestjs/cli/bin/nest.js', 'start'],
  ['/app/node_modules/mocha-like-app/index.js'],
];

describe('roll-out by NODE_OPTIONS', () => {
  for (const [script, command] of tools) {
    it(`leaves ${script} ${command ?? ''} alone`, () => expect(isTool(script, command)).to.equal(true));
  }
  for (const [script, command] of apps) {
    it(`observes ${script} ${command ?? ''}`, () => expect(isTool(script, command)).to.equal(false));
  }
});
