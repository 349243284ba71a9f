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
];

const tools: readonly Tool[] = [
  { path: new RegExp(`[\\\\/]node_modules[\\\\/](?:${packages.join('|')})[\\\\/]`) },
  { path: /[\\/](?:npm-cli|npx-cli|pnpm|yarn|yarnpkg|corepack)\.[cm]?js$/ },
  { path: /[\\/]\.yarn[\\/]releases[\\/]/ },
  { path: /[\\/]node_modules[\\/]next[\\/]/, command: /^(?:build|lint|telemetry)$/ },
  { path: /[\\/]node_modules[\\/]vite[\\/]/, command: /^(?:build|optimize)$/ },
  { path: /[\\/]node_modules[\\/]pm2[\\/](?:bin|lib[\\/](?:binaries|Daemon))/ },
];

/** Whether the process with this main script (a real path) and first argument is a tool rather than an app. */
export function isTool(script: string, command: string | undefined): boolean {
  return tools.some((tool) => tool.path.test(script) && (tool.command?.test(command ?? '') ?? true));
}
