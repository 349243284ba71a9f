/**
 * The dispatcher: hands a module to its instrumentation the moment the app has loaded it, and loads nothing itself.
 * CommonJS, ES modules and mixes of both are seen by Node's own channels, so that no function of the host is
 * replaced but `process.getBuiltinModule`, and a module nobody asked for costs one look into a map.
 */
import diagnosticsChannel from 'node:diagnostics_channel';
import Module, { createRequire, isBuiltin } from 'node:module';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { diagnostics } from '../src/diagnostics.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import {
  isLoadedBuiltin,
  isMainOf,
  moduleCache,
  packageOf,
  resolveFrom,
  spellings,
  versionOf,
} from './loaded-modules.ts';
import { loader } from './loading.ts';
import { canHookLoads, watchNamespaces } from './namespaces.ts';
import { override } from './override.ts';

/** One loaded copy of a target that is observed now. */
export interface Patched {
  readonly name: string;
  readonly specifier: string;
  /** Of the package.json of that copy; Node's for a built-in. */
  readonly version: string | undefined;
  /** File of that copy; absent for a built-in. */
  readonly path: string | undefined;
}

/** One loaded copy, or one instrumentation, that is not observed, and why. */
export interface Missed {
  readonly name: string;
  readonly path?: string;
  readonly reason: string;
}

export interface ArmedReport {
  /** Names of all instrumentations that wait or work. */
  readonly armed: readonly string[];
  readonly patched: readonly Patched[];
  readonly missed: readonly Missed[];
}

export interface Armed {
  /** Takes every hook and every patch back. */
  disarm(): void;
  /** Patches what is in another cache of modules than Node's own. */
  lookAt(cache: NodeJS.Dict<NodeModule>): void;
  /** Takes back what the instrumentations of these names do, for good, and reports why. */
  standDown(names: readonly string[], reason: string): void;
  report(): ArmedReport;
}

interface Target {
  readonly instrumentation: Instrumentation;
  readonly specifier: string;
  readonly seen: WeakSet<object>;
}

/** The table, and what became of its rows. */
interface Table {
  readonly targets: Map<string, Target[]>;
  readonly missed: Missed[];
  /** Hands the exports of a loaded copy to everyone who asked for `id`. */
  hand(id: string, exports: unknown, path?: string): void;
  /** Hears of every load before it begins. */
  readonly prepare: ReturnType<typeof loader>;
  /** Whether there is any that `prepare` would do something with; may become so when a module has been handed. */
  wantsLoads(): boolean;
  whenHanded(listener: () => void): void;
}

/** What `tracing:module.require` publishes when a load has ended, well or not. */
interface Loaded {
  readonly id: string;
  readonly parentFilename?: string;
  readonly result?: unknown;
}

interface ResolveContext {
  readonly parentURL?: string;
  /** A list, or a set on early versions. */
  readonly conditions?: Iterable<string>;
}
interface Resolved {
  readonly url: string;
  readonly format?: string | null;
}
type NextResolve = (specifier: string, context: ResolveContext) => Resolved;
type RegisterHooks = (hooks: {
  resolve: (specifier: string, context: ResolveContext, next: NextResolve) => Resolved;
}) => { deregister(): void };

const registerHooks = (Module as { registerHooks?: RegisterHooks }).registerHooks;

/**
 * Arms `instrumentations`: each is enabled now, and patches its modules as the app loads them. What was loaded
 * before is patched in place. A fault in one never reaches the app or another one.
 */
export function arm(instrumentations: readonly Instrumentation[], sensors: Sensors): Armed {
  const patched: { specifier: string; name: string; path: string | undefined }[] = [];
  const missed: Missed[] = [];
  const targets = new Map<string, Target[]>();

  function guarded({ name }: Instrumentation, path: string | undefined, run: () => void): boolean {
    try {
      run();
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      missed.push({ name, path, reason });
      diagnostics.warnOnce(
        `patch ${name} ${path}`,
        'SONDE_ERR_INTERNAL',
        `${name} is not observed: ${reason}.`,
      );
      return false;
    }
  }

  function handOne({ instrumentation, specifier, seen }: Target, exports: object, path?: string): void {
    if (seen.has(exports)) return;
    seen.add(exports);
    const run = () => instrumentation.patch?.(exports, specifier, sensors, path);
    if (guarded(instrumentation, path, run)) patched.push({ name: instrumentation.name, specifier, path });
  }

  function hand(id: string, exports: unknown, path?: string): void {
    if (!isObject(exports)) return;
    for (const target of targets.get(id) ?? []) handOne(target, exports, path);
    handed();
  }

  let armed = instrumentations.filter((one) => guarded(one, undefined, () => one.enable?.(sensors)));
  for (const instrumentation of armed) {
    for (const specifier of instrumentation.modules) {
      const target = { instrumentation, specifier, seen: new WeakSet() };
      for (const id of spellings(specifier)) targets.set(id, [...(targets.get(id) ?? []), target]);
    }
  }
  let handed = (): void => {};
  const eager = armed.filter(({ loads }) => loads !== undefined);
  const wantsLoads = () => eager.some(({ loads }) => loads !== undefined && loads.size > 0);
  const prepare = loader(eager, (one, specifier, path) => patched.push({ specifier, name: one.name, path }));
  const whenHanded = (listener: () => void): void => {
    handed = listener;
  };
  const table: Table = { targets, missed, hand, prepare, wantsLoads, whenHanded };
  const stop = targets.size === 0 ? () => {} : watch(table);

  function dismiss(one: Instrumentation, reason: string): void {
    for (const [id, waiting] of targets) {
      targets.set(
        id,
        waiting.filter(({ instrumentation }) => instrumentation !== one),
      );
    }
    guarded(one, undefined, () => one.disable());
    missed.push({ name: one.name, reason });
  }

  return {
    disarm() {
      stop();
      targets.clear();
      for (const one of instrumentations) guarded(one, undefined, () => one.disable());
    },
    lookAt(cache) {
      attempt(() => handLoadedPackages(table, cache));
    },
    standDown(names, reason) {
      const leaving = armed.filter(({ name }) => names.includes(name));
      armed = armed.filter((one) => !leaving.includes(one));
      for (const one of leaving) dismiss(one, reason);
    },
    report: () => ({
      armed: armed.map(({ name }) => name),
      patched: patched
        .filter(({ name }) => armed.some((one) => one.name === name))
        .map((copy) => ({ ...copy, version: versionFor(copy.specifier, copy.path) })),
      missed,
    }),
  };
}

function versionFor(specifier: string, path: string | undefined): string | undefined {
  if (isBuiltin(specifier)) return process.versions.node;
  return path === undefined ? undefined : versionOf(specifier, path);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function attempt(run: () => void): void {
  try {
    run();
  } catch (error) {
    diagnostics.warnOnce('hook', 'SONDE_ERR_INTERNAL', `A module was not looked at: ${String(error)}.`);
  }
}

/** Installs every hook; the returned function takes all of them out again. */
function watch(table: Table): () => void {
  const stops: (() => void)[] = [];
  /** Files of targets outside `node_modules` (workspaces, links), as the resolve hook has met them. */
  const expected = new Map<string, string>();
  let meetsEsm = false;
  let preparesLoads = false;

  function meetEsm(): void {
    if (meetsEsm) return;
    meetsEsm = true;
    stops.push(hookImports(table, expected));
  }

  /** To hear of the beginnings, too, slows down every load, so it waits for somebody who asks. */
  function prepareLoads(): void {
    if (preparesLoads || !table.wantsLoads()) return;
    preparesLoads = true;
    listen('tracing:module.require:start', table.prepare);
  }

  function onRequired({ id, parentFilename, result }: Loaded): void {
    if (!meetsEsm && types.isModuleNamespaceObject(result)) {
      meetEsm();
      handLoadedBuiltins(table);
    }
    if (table.targets.has(id)) handRequired(id, parentFilename, result, table);
    else if (parentFilename === undefined && isAbsolute(id)) handImported(id, expected.get(id), table);
  }

  const listen = (channel: string, listener: (message: any) => void) => {
    const safely = (message: unknown) => attempt(() => listener(message));
    diagnosticsChannel.subscribe(channel, safely);
    stops.push(() => diagnosticsChannel.unsubscribe(channel, safely));
  };
  // `end` comes after a failed load, too; its result is undefined then.
  listen('tracing:module.require:end', onRequired);
  prepareLoads();
  table.whenHanded(prepareLoads);
  // A resolve hook slows down every `require`, so it waits for the first sign of an ES module.
  listen('tracing:module.import:start', meetEsm);
  stops.push(hookGetBuiltin(table));
  handLoadedBuiltins(table);
  handLoadedPackages(table);
  return () => {
    for (const stop of stops) stop();
  };
}

/** A target required by name. One that is still loading (an import cycle) is left to the outer `require`. */
function handRequired(id: string, parent: string | undefined, exports: unknown, table: Table): void {
  const path = isBuiltin(id) ? undefined : resolveFrom(parent, id);
  if (path === undefined || moduleCache[path]?.loaded !== false) table.hand(id, exports, path);
}

/** A CommonJS file that an ES module has imported: it has no requiring parent and an absolute path as id. */
function handImported(path: string, expected: string | undefined, table: Table): void {
  const id = expected ?? targetAt(path, table);
  if (id !== undefined) table.hand(id, moduleCache[path]?.exports, path);
}

/** The target that `path` is the file of: a package's main file, or that of one of its other entries. */
function targetAt(path: string, { targets }: Table): string | undefined {
  const name = packageOf(path);
  if (name === undefined) return undefined;
  const ids = targets.has(name) ? [name] : [];
  for (const id of targets.keys()) if (id.startsWith(`${name}/`)) ids.push(id);
  return ids.find((id) => isMainOf(path, id));
}

function handLoadedBuiltins({ targets, hand }: Table): void {
  for (const id of targets.keys()) if (isLoadedBuiltin(id)) hand(id, process.getBuiltinModule(id));
}

/** Targets that were there before: their prototypes are shared with whoever holds them. */
function handLoadedPackages(table: Table, cache = moduleCache): void {
  const { hand, missed } = table;
  for (const [path, module] of Object.entries(cache)) {
    const id = module?.loaded === true ? targetAt(path, table) : undefined;
    if (id === undefined) continue;
    const before = missed.length;
    hand(id, module?.exports, path);
    if (missed.length > before) tellLoadedEarly(id, path);
  }
}

function tellLoadedEarly(id: string, path: string): void {
  const message = `${id} (${path}) was loaded before Sonde and is not observed.`;
  diagnostics.warnOnce(`early ${path}`, 'SONDE_ERR_LOADED_EARLY', message, { path });
}

/** Built-ins that an ES module imports are compiled without any other sign. */
function hookImports({ targets, missed, hand }: Table, expected: Map<string, string>): () => void {
  if (typeof registerHooks !== 'function') {
    const reason = `Node.js ${process.versions.node} has no module.registerHooks`;
    missed.push({ name: 'ES modules', reason });
    diagnostics.warnOnce('registerHooks', 'SONDE_ERR_NODE_HOOKS', `Built-ins in ES modules: ${reason}.`);
    return () => {};
  }
  const takesNamespace = (id: string, way?: 'in turn'): boolean =>
    targets
      .get(id)
      ?.some(({ instrumentation: { takesNamespaces: takes = false } }) =>
        way === undefined ? takes : takes === way,
      ) ?? false;
  /** Loaded in the stead of the import, which finds it so: earlier than its turn, where nothing better can be had. */
  const handNamespace = (id: string, url: string) => {
    const path = fileURLToPath(url);
    // Its own path as parent: on Node 22 only what lies in `node_modules` loads an ES module without a warning.
    hand(id, createRequire(path)(path), path);
  };
  const namespaces = watchNamespaces((id, namespace, url) =>
    attempt(() => hand(id, namespace, fileURLToPath(url))),
  );
  const note = (specifier: string, { parentURL, conditions }: ResolveContext, { url, format }: Resolved) => {
    // A `require` is seen by its channel; answering it here would ask this hook again.
    if (new Set(conditions).has('require')) return;
    if (isBuiltin(specifier)) hand(specifier, process.getBuiltinModule(specifier));
    else if (format === 'module' && takesNamespace(specifier)) {
      if (canHookLoads()) namespaces.expect(url, specifier);
      else if (!takesNamespace(specifier, 'in turn')) handNamespace(specifier, url);
    } else if (parentURL?.startsWith('file:')) {
      const path = resolveFrom(fileURLToPath(parentURL), specifier);
      if (path !== undefined) expected.set(path, specifier);
    }
  };
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      if (targets.has(specifier)) attempt(() => note(specifier, context, resolved));
      return resolved;
    },
  });
  return () => {
    hooks.deregister();
    namespaces.stop();
  };
}

function hookGetBuiltin({ targets, hand }: Table): () => void {
  return override<(id: string) => unknown>(process, 'getBuiltinModule', (original) => (id) => {
    const exports = original.call(process, id);
    if (targets.has(id)) attempt(() => hand(id, exports));
    return exports;
  });
}
