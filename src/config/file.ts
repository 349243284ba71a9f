/** The configuration file: `SONDE_CONFIG`, or `sonde.config.{ts,mjs,cjs,json}` beside the app's package.json. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { isPlain } from './collections.ts';
import type { Options } from './config.ts';
import type { Env } from './env.ts';
import type { Complaint, Layer } from './layer.ts';
import type { AppPackage } from './main-script.ts';
import { readTree } from './tree-layer.ts';

/** Gives the object back unchanged; it is there for the types: `export default defineConfig({ ... })`. */
export function defineConfig(config: Options): Options {
  return config;
}

const endings = ['ts', 'mjs', 'cjs', 'json'];
const readable = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']);

/** The file to read, if there is one. `SONDE_CONFIG` counts from the working directory, as paths in a shell do. */
export function configFile(env: Env, app: AppPackage | undefined): string | undefined {
  const named = env.SONDE_CONFIG?.trim();
  if (named) return resolve(named);
  if (!app) return undefined;
  const folder = dirname(app.file);
  return endings.map((ending) => join(folder, `sonde.config.${ending}`)).find((file) => fs.existsSync(file));
}

/** The app's own file, not a part of Sonde: it is required from where it lies. */
function requireFile(file: string): unknown {
  const loaded: unknown = createRequire(file)(file);
  const isWrapped = typeof loaded === 'object' && loaded !== null && 'default' in loaded;
  return isWrapped ? loaded.default : loaded;
}

/** The engine's own message quotes the file, which may hold a key. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /line \d+ column \d+|position \d+/.exec(String(error))?.[0];
    throw new Error(`it is not valid JSON${place === undefined ? '' : ` at ${place}`}`);
  }
}

/** What the file gives; throws what is wrong with it. */
export function loadFile(file: string): unknown {
  const ending = extname(file);
  if (!readable.has(ending)) throw new Error('only .ts, .mjs, .cjs, .js and .json are read');
  if (ending === '.json') return parseJson(fs.readFileSync(file, 'utf8'));
  if (ending.endsWith('ts') && !process.features.typescript) {
    throw new Error(
      `Node.js ${process.versions.node} cannot run TypeScript (22.18 can); write it as .mjs or .json`,
    );
  }
  return requireFile(file);
}

function firstLine(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) {
    if (error.code === 'ENOENT' || error.code === 'MODULE_NOT_FOUND')
      return 'it, or what it imports, is not there';
    if (error.code === 'ERR_REQUIRE_ASYNC_MODULE')
      return 'it awaits at its top level; compute its values at once';
  }
  const message = error instanceof Error ? error.message : 'it threw something that is no error';
  return message.split('\n', 1)[0]!.trim().replace(/\.$/, '') || 'it threw an error without a message';
}

/**
 * The layer of a file. A broken file is one complaint and an empty layer; a wrong value is one complaint each.
 *
 * @param answered puts an object in place of what the file gives as a function
 * @param load what gives the content; loads the file by default
 */
export function readFile(
  file: string,
  answered: (given: Options) => Options,
  load: () => unknown = () => loadFile(file),
): { readonly layer: Layer; readonly complaints: Complaint[] } {
  const complaints: Complaint[] = [];
  const complain = (message: string, path?: string): void => {
    const said = `${file}: ${message}`;
    complaints.push({ level: 'warn', code: 'SONDE_ERR_CONFIG_FILE', message: said, ...(path && { path }) });
  };
  try {
    const given = load();
    if (isPlain(given)) return { layer: readTree(answered(given), `file ${file}`, complain), complaints };
    complain('it does not export an object; nothing of it is used.');
  } catch (error) {
    complain(`${firstLine(error)}; nothing of it is used.`);
  }
  return { layer: new Map(), complaints };
}
