/** The configuration file: `SONDE_CONFIG`, or `sonde.config.{ts,mjs,cjs,json}` beside the app's package.json. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { isPlain } from './collections.ts';
import type { Options } from './config.ts';
import type { Env } from './env.ts';
import type { Complaint } from './layer.ts';
import type { AppPackage } from './main-script.ts';
import type { Stratum } from './policy.ts';
import { shown } from './shown.ts';
import { readTree } from './tree-layer.ts';

/** What a configuration file may hold. */
export interface ConfigFile extends Options {
  /**
   * Files under this one, the weakest first: a package (`@acme/observability`), or a path from the folder of this file
   * that begins with a dot.
   */
  readonly extends?: string | readonly string[];
  /**
   * Settings of this file that no file above it, no variable and no code may loosen: `['privacy', 'traces']`. To keys and
   * patterns that are hidden a service may add; a sampling ratio and the traces a second it may lower. What it wanted
   * otherwise is told with `SONDE_ERR_LOCKED`. A file that locks something and is named by `SONDE_CONFIG` lies under the
   * service's own `sonde.config.*`, instead of replacing it.
   */
  readonly locked?: readonly string[];
}

/**
 * Gives the object back unchanged; it is there for the types.
 *
 * @example export default defineConfig({ extends: '@acme/observability', logs: { level: 'info' } });
 */
export function defineConfig(config: ConfigFile): ConfigFile {
  return config;
}

const endings = ['ts', 'mjs', 'cjs', 'json'];
const readable = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']);

/** The file to read, if there is one. `SONDE_CONFIG` counts from the working directory, as paths in a shell do. */
export function configFile(env: Env, app: AppPackage | undefined): string | undefined {
  const named = env.SONDE_CONFIG?.trim();
  return named ? resolve(named) : ownFile(app);
}

/** The service's own, beside its package.json. */
export function ownFile(app: AppPackage | undefined): string | undefined {
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

/** What all files say together, the lowest first. */
export interface FromFiles {
  readonly strata: readonly Stratum[];
  readonly complaints: readonly Complaint[];
}

interface Reading {
  /** Puts an object in place of what a file gives as a function. */
  readonly answered: (given: Options) => Options;
  readonly strata: Stratum[];
  readonly complaints: Complaint[];
  /** Files on the way down, to see a circle. */
  readonly path: readonly string[];
}

/**
 * Reads a file with what it extends. A broken file is one complaint and nothing of it; a wrong value is one complaint
 * each.
 *
 * @param own the service's own file, laid over `file` where that one is a policy
 * @param load what gives the content of `file`; loads it by default
 */
export function readFiles(
  file: string,
  answered: Reading['answered'],
  { own, load = () => loadFile(file) }: { own?: string | undefined; load?: () => unknown } = {},
): FromFiles {
  const reading: Reading = { answered, strata: [], complaints: [], path: [] };
  readOne(file, load, reading);
  const isPolicy = reading.strata.some((stratum) => stratum.locked.length > 0);
  if (own !== undefined && own !== file && isPolicy) readOne(own, () => loadFile(own), reading);
  return reading;
}

function readOne(file: string, load: () => unknown, reading: Reading): void {
  const { answered, strata, complaints, path } = reading;
  const complain = (message: string, at?: string): void => {
    const said = `${file}: ${message}`;
    complaints.push({ level: 'warn', code: 'SONDE_ERR_CONFIG_FILE', message: said, ...(at && { path: at }) });
  };
  try {
    const given = load();
    if (!isPlain(given)) throw new Error('it does not export an object');
    const { extends: bases, locked, ...settings } = given;
    for (const base of namesOf('extends', bases, complain))
      readBase(file, base, { ...reading, path: [...path, file] }, complain);
    const layer = readTree(answered(settings), `file ${file}`, complain);
    strata.push({ file, layer, locked: namesOf('locked', locked, complain) });
  } catch (error) {
    complain(`${firstLine(error)}; nothing of it is used.`);
  }
}

function readBase(file: string, base: string, reading: Reading, complain: (message: string) => void): void {
  const found = baseFile(file, base);
  if (found === undefined) complain(`it extends ${shown(base)}, which is not there.`);
  else if (reading.path.includes(found))
    complain(`it extends ${shown(base)}, which extends it; that is left out.`);
  else readOne(found, () => loadFile(found), reading);
}

/** A package, or a path from the folder of the file. */
function baseFile(file: string, base: string): string | undefined {
  try {
    return createRequire(file).resolve(base);
  } catch {
    return undefined;
  }
}

function namesOf(name: string, given: unknown, complain: (message: string) => void): readonly string[] {
  const list = given === undefined ? [] : Array.isArray(given) ? given : [given];
  if (list.every((each) => typeof each === 'string')) return list;
  complain(`${name} is ${shown(given)}, which is not a text or a list of texts; it is left out.`);
  return [];
}
