/** Bundles the doors and the heavy parts into `dist`: one CommonJS build, one instance of every module. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative } from 'node:path';
import { type RolldownBuild, rolldown } from 'rolldown';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const loader = join(root, 'src/load.ts');
const register = join(root, 'src/register.ts');
const doors = {
  ...{ index: 'src/index.ts', register: 'src/register.ts', testing: 'src/testing.ts' },
  // The command line, and what it puts into the app that it looks at.
  ...{ doctor: 'src/doctor/doctor.ts', 'parts/doctorProbe': 'src/doctor/probe.ts' },
};
const api = '@opentelemetry/api';
/** Stands in the output for `dist/api.cjs`, however deep the file is that requires it. */
const ownApi = 'sonde-api';

const detected = /@opentelemetry[\\/]resources[\\/].*index\.mjs$/;
/** Detectors look at the host at start; Sonde says itself what its resource is. */
const absentModule = 'export {};';

/**
 * Through this module official parts read the environment behind Sonde's back: `OTEL_LOG_LEVEL` would put the
 * official logger in place of Sonde's. Inside the bundle it finds
 * nothing set; what the variables say comes as options, from `src/config/env.ts`.
 */
const officialEnvironment = /@opentelemetry[\\/]core[\\/].*[\\/]environment\.[cm]?js$/;
const emptyEnvironment = `
export const getNumberFromEnv = () => undefined;
export const getStringFromEnv = () => undefined;
export const getBooleanFromEnv = () => false;
export const getStringListFromEnv = () => undefined;
`;

/** Part name to source path, read from the literal table of `src/load.ts`. */
function readParts(): Record<string, string> {
  const text = readFileSync(loader, 'utf8');
  const rows = [...text.matchAll(/^ {2}(\w+): '(\..+\.ts)',$/gm)];
  return Object.fromEntries(rows.map((row) => [row[1]!, row[2]!]));
}

function entries(): Record<string, string> {
  const preload = { 'parts/preload': join(root, 'src/preload.ts') };
  const parts = Object.entries(readParts()).map(([name, path]) => [`parts/${name}`, join(root, 'src', path)]);
  return { ...doors, ...preload, ...Object.fromEntries(parts) };
}

/** The runtime is not used, and what these two doors would lead to is asked for directly: a file less each. */
const needless = /^(?:rolldown-runtime|parts[\\/](?:preload|start))\.cjs(?:\.map)?$/;

/** What is asked before it is known whether anything of Sonde is needed. */
const gate = /^src[\\/](?:preload|rollout|load|threads|config[\\/]env)\.ts$/;
const apart = /^src[\\/](?:register|index|testing|testing[\\/].*|doctor[\\/].*)\.ts$/;
/** Told about requests: a process that serves none needs none of it. */
const requests =
  /^instrumentation[\\/](?:request-records|access-log|other-access-log|served-request|security-records|http2-server|middleware-spans|framework|express|fastify|koa|hono|nest)\.ts$/;
const encoders =
  /^exporters[\\/]otlp[\\/](?:encoding|packed|chunk-writer|json|log-record|exception|protobuf-\w+|metrics-protobuf)\.ts$/;
/** What drivers and queues share: a process that loads none of them needs none of it. */
const libraries = /^instrumentation[\\/]|^src[\\/]processing[\\/]sql/;

const staticImport = /^(?:import|export)\b(?! type\b)[^;]*?from '(\.[^']+)';/gm;

/** `file` and what it imports, directly or not. Parts are loaded, not imported. */
function reach(file: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(staticImport))
    reach(join(file, '..', path!), seen);
  return seen;
}

const needed = new Set(['start', 'index'].flatMap((door) => [...reach(join(root, 'src', `${door}.ts`))]));

/** The SDK's part shares these few lines with others: a file each would cost more than they do. */
const withSdk =
  /^src[\\/](?:metrics[\\/](?:turn|producers|collected)|traces[\\/]watched|logs[\\/]finding)\.ts$/;

/** What every start needs, and what the functions of `sonde` are made of. */
function isCore(id: string): boolean {
  const path = relative(root, id);
  return (needed.has(id) || withSdk.test(path)) && !gate.test(path) && !apart.test(path);
}

const partFiles = new Set(Object.values(readParts()).map((path) => join(root, 'src', path)));

/** Shared by several parts; what one part alone consists of stays in its file. */
function isShared(id: string): boolean {
  return libraries.test(relative(root, id)) && !partFiles.has(id);
}

const groups = [
  { name: 'gate', test: (id: string) => gate.test(relative(root, id)) },
  // Every start needs all of it: one file is read faster than sixteen.
  { name: 'core', test: isCore },
  { name: 'web', test: (id: string) => requests.test(relative(root, id)) },
  { name: 'encoders', test: (id: string) => encoders.test(relative(root, id)) },
  { name: 'libraries', test: isShared },
];

/**
 * What stands between `import` and a CommonJS module copies each of its properties as a getter, at every start and
 * in the way of every call. Nothing here needs more than the module itself, with a `default` on top for built-ins.
 */
const interop = /^(\w+) = require_rolldown_runtime\.__toESM\(\1, 1\);$/gm;
const interopRuntime = /^const require_rolldown_runtime = require\("[./]+rolldown-runtime\.cjs"\);$/m;
const withDefault = (_line: string, name: string): string =>
  name === 'sonde_api' ? '' : `${name} = Object.create(${name}, { default: { value: ${name} } });`;

/**
 * Chunks ask each other for functions, classes and constants. A getter for each would be made at every start, and be
 * called in the way of every use.
 */
const getter =
  /Object\.defineProperty\(exports, "(\w+)", \{\s+enumerable: true,\s+get: function \(\) \{\s+return ([\w$]+);\s+\}\s+\}\);\n?/g;

function withValues(code: string): string {
  const constants = new Set(
    Array.from(code.matchAll(/^(?:const|class|(?:async )?function\*?) ([\w$]+)/gm), ([, name]) => name),
  );
  let count = 0;
  const plain = code.replace(getter, (whole, name: string, value: string) => {
    if (!constants.has(value)) return whole;
    count++;
    return `exports.${name} = ${value};\n`;
  });
  // Of so many properties V8 makes a hash table, unless the object is somebody's prototype.
  return count > mostFast ? `${plain}\nObject.create(exports);` : plain;
}

const mostFast = 100;

/** One such character in a string, and V8 keeps the whole file with two bytes a character. */
const beyondAscii = /[^\0-\x7f]/g;
const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

const here = /require\("url"\)\.pathToFileURL\(__filename\)\.href/g;
const partRow = /^(\t\w+: )("\.\/(?:parts\/\w+|core)\.cjs")/gm;

/**
 * What another bundler needs to take all of Sonde along: each part required by its name in so many words, still when
 * it is first needed. As an ES module the app's bundle has no `__filename`.
 */
function takenAlong(code: string): string {
  return code
    .replace(partRow, '$1{ path: $2, load: () => require($2) }')
    .replace(/require\$1\(parts\[part\]\)/, 'parts[part].load()')
    .replace(/require\$1\.resolve\(parts\[part\]\)/, 'require$1.resolve(parts[part].path)')
    .replace(/createRequire\(require\("url"\)[^)]*\)\.href\)\("\.\/gate\.cjs"\)/, 'require("./gate.cjs")')
    .replace(
      here,
      'require("url").pathToFileURL(typeof __filename === "string" ? __filename : process.execPath).href',
    );
}

/** After all else. */
const along = {
  name: 'sonde-along',
  renderChunk: (code: string) => ({ code: takenAlong(code), map: null }),
};

const plugin = {
  name: 'sonde',
  resolveId(id: string, importer?: string) {
    if (id === api) return { id: ownApi, external: true };
    if (importer && detected.test(importer) && id.includes('detectors/')) return '\0absent';
    return null;
  },
  load(id: string) {
    if (officialEnvironment.test(id)) return emptyEnvironment;
    return id === '\0absent' ? absentModule : null;
  },
  renderChunk(code: string, { fileName }: { fileName: string }) {
    const path = fileName.includes('/') ? '../api.cjs' : './api.cjs';
    const linked = code
      .replaceAll(`require("${ownApi}")`, `require("${path}")`)
      .replace(beyondAscii, escaped);
    const direct = linked.replace(interop, withDefault).replace(interopRuntime, '');
    return { code: withValues(direct), map: null };
  },
  generateBundle(_options: unknown, files: Record<string, { code?: string }>) {
    const isUsed = Object.values(files).some(({ code }) => code?.includes('require_rolldown_runtime'));
    if (isUsed) throw new Error('A chunk needs the interop runtime: see `withDefault`.');
    for (const name of Object.keys(files)) if (needless.test(name)) delete files[name];
  },
  transform(code: string, id: string) {
    if (id === register) return { code: code.replace('./preload.ts', './gate.cjs'), map: null };
    if (id !== loader) return null;
    const built = code.replace(/^( {2}(\w+): )'\..+\.ts'/gm, "$1'./parts/$2.cjs'");
    return { code: built.replace('./parts/start.cjs', './core.cjs'), map: null };
  },
};

/** The API's own copy, chosen between at load, in one file: its 51 modules would cost more than all of Sonde. */
async function bundleApi(): Promise<string[]> {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules', api, 'package.json'), 'utf8'));
  const build = await rolldown({
    input: join(root, 'src/api.ts'),
    platform: 'node',
    external: [/^node:/],
    plugins: [along],
    transform: { define: { __SONDE_API_VERSION__: JSON.stringify(version) } },
  });
  const written = await build.write({
    file: join(dist, 'api.cjs'),
    format: 'cjs',
    exports: 'default',
    sourcemap: true,
    comments,
  });
  return modulesOf(written.output);
}

/** What bundlers take for the conditions `browser`, `edge-light` and `workerd`: small, and nothing of Node.js in it. */
async function bundleBrowser(): Promise<string[]> {
  const build = await rolldown({
    input: join(root, 'src/browser/index.ts'),
    platform: 'browser',
    transform: { target: 'es2022' },
    optimization: { inlineConst: true },
  });
  const written = await build.write({ file: join(dist, 'browser.mjs'), format: 'es', minify: true });
  return modulesOf(written.output);
}

/** They would be read at each start; who follows a stack trace finds them in the sources that the maps hold. */
const comments = { legal: true, jsdoc: false, annotation: false };

type Output = Awaited<ReturnType<RolldownBuild['write']>>['output'];

function modulesOf(output: Output): string[] {
  return output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
}

/** Writes the bundle; gives back the ids of every module that is in it. */
export async function bundle(): Promise<string[]> {
  rmSync(dist, { recursive: true, force: true });
  const apiModules = await bundleApi();
  const build = await rolldown({
    input: entries(),
    platform: 'node',
    external: [...builtinModules, /^node:/],
    plugins: [plugin, along],
    resolve: { conditionNames: ['node', 'import', 'default'] },
    // The absent ones have no other exports.
    shimMissingExports: true,
    logLevel: 'warn',
    onLog(level, log, handler) {
      if (log.code !== 'SHIMMED_EXPORT') handler(level, log);
      else if (!log.message.includes('\\0absent')) throw new Error(log.message);
    },
  });
  const written = await build.write({
    dir: dist,
    format: 'cjs',
    exports: 'named',
    sourcemap: true,
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    codeSplitting: { groups },
    comments,
    minify: false,
  });
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
  return [...apiModules, ...(await bundleBrowser()), ...modulesOf(written.output)];
}
