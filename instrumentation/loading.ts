/**
 * Modules whose exports are replaced rather than patched, which can only be done as they are loaded: they are loaded a
 * moment earlier, through `require` and whatever hooks it has, and Node.js finds the result in its cache. So hooks of
 * `require` alone see what an ES module imports, too.
 */
import Module, { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isMainOf, moduleCache, packageOf, resolveFrom } from './loaded-modules.ts';

/** What `tracing:module.require` publishes when a load begins. */
interface Loading {
  readonly id: string;
  readonly parentFilename?: string;
}

/** Told of each module that has been loaded so. */
type OnPrepared = (instrumentation: Instrumentation, specifier: string, path: string) => void;

interface Found {
  readonly instrumentation: Instrumentation;
  readonly specifier: string;
  readonly path: string | undefined;
  /** By an ES module: no hook of `require` would see it otherwise. */
  readonly isImported: boolean;
}

/** A listener for the beginning of every load, for the instrumentations that load modules. */
export function loader(
  eager: readonly Instrumentation[],
  onPrepared: OnPrepared,
): (loading: Loading) => void {
  const met = new Set<string>();

  return ({ id, parentFilename }) => {
    const found = byName(eager, id, parentFilename) ?? byFile(eager, id, parentFilename);
    if (found?.path === undefined || met.has(found.path)) return;
    const { instrumentation, specifier, path, isImported } = found;
    met.add(path);
    if (instrumentation.prepare?.(specifier, isImported) !== true) return;
    preload(path, parentFilename);
    onPrepared(instrumentation, specifier, path);
  };
}

function byName(
  eager: readonly Instrumentation[],
  id: string,
  parent: string | undefined,
): Found | undefined {
  for (const instrumentation of eager) {
    if (!instrumentation.loads?.has(id)) continue;
    return { instrumentation, specifier: id, path: resolveFrom(parent, id), isImported: false };
  }
  return undefined;
}

/** A CommonJS file that an ES module imports has no requiring parent and an absolute path as id. */
function byFile(
  eager: readonly Instrumentation[],
  id: string,
  parent: string | undefined,
): Found | undefined {
  if (parent !== undefined || !isAbsolute(id)) return undefined;
  const name = packageOf(id);
  if (name === undefined) return undefined;
  const instrumentation = eager.find(({ loads }) => loads?.has(name));
  if (instrumentation === undefined || !isMainOf(id, name)) return undefined;
  return { instrumentation, specifier: name, path: id, isImported: true };
}

/** A module that cannot be loaded is left to the app's own attempt, and so is its error. */
function preload(path: string, parent: string | undefined): void {
  try {
    const exports = createRequire(parent ?? path)(path);
    const module = moduleCache[path] as Loadable | undefined;
    if (module !== undefined && module.exports !== exports) replaceExports(module, exports);
  } catch {
    // The app meets the same error in a moment.
  }
}

type Loadable = NodeModule & { load(path: string): void };

/**
 * An ES module gets what the exports were at the end of the file's load, whatever became of them since: a load of
 * nothing ends with the new ones. It is over before anything else can be loaded.
 */
function replaceExports(module: Loadable, exports: unknown): void {
  const { _extensions: extensions } = Module as unknown as { _extensions: Record<string, unknown> };
  const compile = extensions['.js'];
  module.exports = exports;
  module.loaded = false;
  extensions['.js'] = () => {};
  try {
    module.load('nothing.js');
  } finally {
    extensions['.js'] = compile;
    module.loaded = true;
  }
}
