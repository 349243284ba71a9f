/**
 * Which processes the preload leaves alone when it is set for a whole machine by `NODE_OPTIONS`: tools that start,
 * build or test apps, not apps. No imports: it is asked before anything of Sonde is read.
 */

interface Tool {
  /** Package folder below node_modules, or the file, of the main script. */
  readonly path: RegExp;
  /** Only with this first argument; absent: always. */
  readonly command?: RegExp;
}

/** Also those that only start the app in a process of its own, and the helpers that build and test tools start. */
const packages = [
  'npm',
  'npx',
  'pnpm',
  'yarn',
  'corepack',
  'typescript',
  'eslint',
  'nodemon',
  'prisma',
  'jest',
  'jest-cli',
  'vitest',
  'mocha',
  'ava',
  'tap',
  '@biomejs/biome',
  '@angular/cli',
  'webpack',
  'webpack-cli',
  'rollup',
  'esbuild',
  'rolldown',
  'turbo',
  'lerna',
  'nx',
  'concurrently',
  'npm-run-all',
  'npm-run-all2',
  'cross-env',
  'dotenv-cli',
  'tsx',
  'ts-node-dev',
  'tsc-watch',
  '@nestjs/cli',
  '@swc/cli',
  '@babel/cli',
  'tsup',
  'nyc',
  'c8',
  'prettier',
  'rimraf',
  'husky',
  'lint-staged',
];

const tools: readonly Tool[] = [
  { path: new RegExp(`[\\\\/]node_modules[\\\\/](?:${packages.join('|')})[\\\\/]`) },
  { path: /[\\/](?:npm-cli|npx-cli|pnpm|yarn|yarnpkg|corepack)\.[cm]?js$/ },
  { path: /[\\/]\.yarn[\\/]releases[\\/]/ },
  // jest, webpack's minifiers and `next build` share their work out to these.
  { path: /[\\/]jest-worker[\\/]/ },
  { path: /[\\/]node_modules[\\/]next[\\/]/, command: /^(?:build|lint|telemetry)$/ },
  { path: /[\\/]node_modules[\\/]vite[\\/]/, command: /^(?:build|optimize)$/ },
  { path: /[\\/]node_modules[\\/]pm2[\\/](?:bin|lib[\\/](?:binaries|Daemon))/ },
];

/** Whether the process with this main script (a real path) and first argument is a tool rather than an app. */
export function isTool(script: string, command: string | undefined): boolean {
  return tools.some((tool) => tool.path.test(script) && (tool.command?.test(command ?? '') ?? true));
}

/** Node.js's own test runner; each test file gets a process of its own, which is one to observe. */
const runsTests = /^--test(?:=|$)/;
const inOneProcess = /^--(?:experimental-)?test-isolation=none$/;
const checksSyntax = /^(?:-c|--check)$/;
const inlineCode = /^(?:-e|-p|-pe|--eval|--print)(?:=|$)/;

/** Whether these flags of Node.js make it a tool itself. */
export function isToolRun(flags: readonly string[], isTestFile: boolean): boolean {
  if (flags.some((flag) => checksSyntax.test(flag))) return true;
  return (
    !isTestFile &&
    flags.some((flag) => runsTests.test(flag)) &&
    !flags.some((flag) => inOneProcess.test(flag))
  );
}

/** Whether what runs is no script: `node -e`, `node -` and the prompt. */
export function isInline(script: string | undefined, flags: readonly string[]): boolean {
  return script === undefined || script === '-' || flags.some((flag) => inlineCode.test(flag));
}

/** What these flags of Node.js preload, as written. */
export function preloads(flags: readonly string[]): string[] {
  const found = flags.map((flag, at) => {
    const [, value] = /^(?:-r|--require|--import)(?:=(.*))?$/s.exec(flag) ?? [undefined, null];
    return value === null ? undefined : (value ?? flags[at + 1]);
  });
  return found.filter((value) => value !== undefined);
}
