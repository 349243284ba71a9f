/**
 * AWS Lambda: the function that `_HANDLER` names is wrapped as the runtime loads it. A CommonJS file's exports are
 * replaced when it has run; before an ES module, whose exports nobody can change, stands a module that exports the
 * same, with the one wrapped.
 */
import { existsSync, readFileSync } from 'node:fs';
import Module from 'node:module';
import { basename, dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { lambdaVariables } from '../src/config/env.ts';
import { diagnostics } from '../src/diagnostics.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { wrapHandler } from '../src/traces/handler.ts';
import { canHookLoads } from './namespaces.ts';
import { override } from './override.ts';

/** Where the handler is: its file, and the way to it in what the file exports. */
interface Place {
  readonly file: string;
  readonly names: readonly string[];
}

interface Resolved {
  readonly url: string;
  readonly format?: string | null;
}
interface Loaded {
  readonly format: string;
  readonly source: unknown;
  readonly shortCircuit?: boolean;
}
type Hooks = {
  resolve(
    specifier: string,
    context: object,
    next: (specifier: string, context: object) => Resolved,
  ): Resolved;
  load(url: string, context: object, next: (url: string, context: object) => Loaded): Loaded;
};
const { registerHooks } = Module as unknown as { registerHooks?(hooks: Hooks): { deregister(): void } };

/** In the order in which the runtime tries them. */
const endings = ['', '.js', '.mjs', '.cjs'];
const receiver = Symbol.for('sonde.1.handler');
const marker = '?sonde=handler';
type Exports = Record<string, unknown>;

export function awsLambda(): Instrumentation {
  const undo: (() => void)[] = [];
  const stop = (): void => {
    for (const step of undo.splice(0)) step();
  };
  return {
    name: 'aws-lambda',
    modules: [],
    enable() {
      const place = handlerPlace();
      if (place === undefined) return;
      undo.push(watchRequired(place, stop));
      const hooks = watchImported(place, stop);
      if (hooks !== undefined) undo.push(hooks);
    },
    disable: stop,
  };
}

/** `src/index.handler` or `index.api.handler`, below the task's folder. */
function handlerPlace(): Place | undefined {
  const { handler = '', taskRoot = process.cwd() } = lambdaVariables() ?? {};
  const [, name, way] = /^([^.]+)\.(.+)$/.exec(basename(handler)) ?? [];
  if (name === undefined || way === undefined) return undefined;
  const path = resolve(taskRoot, dirname(handler), name);
  const ending = endings.find((one) => existsSync(path + one));
  return ending === undefined ? undefined : { file: path + ending, names: way.split('.') };
}

/** Every way to load a CommonJS file goes through here; afterwards Node.js 22 has noted what the file exports. */
function watchRequired({ file, names }: Place, done: () => void): () => void {
  type Run = (module: { exports: unknown }, filename: string) => void;
  const { _extensions } = Module as unknown as { readonly _extensions: object };
  return override<Run>(_extensions, '.js', (original) => (module, filename) => {
    original(module, filename);
    if (filename !== file) return;
    done();
    module.exports = wrappedAt(module.exports, names);
  });
}

/** Only while the file is on its way: a hook slows down every load. */
function watchImported({ file, names }: Place, done: () => void): (() => void) | undefined {
  if (!isEsm(file)) return undefined;
  if (registerHooks === undefined || !canHookLoads()) {
    diagnostics.warnOnce(
      'aws-lambda',
      'SONDE_ERR_NODE_HOOKS',
      `The handler in ${file} is not observed by itself: wrap it by wrapHandler() of sonde.`,
    );
    return undefined;
  }
  const url = pathToFileURL(file).href;
  const [first = '', ...rest] = names;
  const receive = (own: Exports) => [wrappedAt(own[first], rest), wrappedAt(own.default, names)];
  Object.defineProperty(globalThis, receiver, { value: receive, configurable: true });
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      return resolved.url === url ? { ...resolved, url: url + marker, format: 'module' } : resolved;
    },
    load(at, context, next) {
      if (at !== url + marker) return next(at, context);
      done();
      return { format: 'module', source: standIn(url, first), shortCircuit: true };
    },
  });
  return () => hooks.deregister();
}

/** As Node.js decides it, by the ending, the nearest package.json, or the look of the code. */
function isEsm(file: string): boolean {
  if (extname(file) !== '.js') return extname(file) === '.mjs';
  for (let at = dirname(file); ; at = dirname(at)) {
    try {
      const { type } = JSON.parse(readFileSync(resolve(at, 'package.json'), 'utf8'));
      if (type !== undefined) return type === 'module';
      break;
    } catch {
      if (at === dirname(at)) break;
    }
  }
  return /^\s*export\s/m.test(readFileSync(file, 'utf8'));
}

/** Exports what `url` exports. Names of its own go before those of `export *`, which leaves out the default. */
function standIn(url: string, name: string): string {
  const from = JSON.stringify(url);
  const fallback = name === 'default' ? '' : ', fallback as default';
  return [
    `import * as own from ${from};`,
    `export * from ${from};`,
    `const [first, fallback] = globalThis[Symbol.for('sonde.1.handler')](own);`,
    `export { first as ${JSON.stringify(name)}${fallback} };`,
  ].join('\n');
}

/** `holder` with the function at the end of the way wrapped; what is no such function stays as it is. */
function wrappedAt(holder: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return typeof holder === 'function' ? wrapHandler(holder as () => unknown) : holder;
  if (typeof holder !== 'object' || holder === null) return holder;
  const inner = (holder as Exports)[name];
  const next = wrappedAt(inner, rest);
  return next === inner ? holder : replaced(holder, name, next);
}

/** Bundlers seal what they export by getters: then a copy stands in for it. */
function replaced(holder: object, name: string, value: unknown): object {
  const property = { value, enumerable: true, configurable: true, writable: true };
  const own = Object.getOwnPropertyDescriptor(holder, name);
  const isOpen = own === undefined ? Object.isExtensible(holder) : own.configurable;
  if (isOpen) return Object.defineProperty(holder, name, property);
  return Object.create(Object.getPrototypeOf(holder), {
    ...Object.getOwnPropertyDescriptors(holder),
    [name]: property,
  });
}
