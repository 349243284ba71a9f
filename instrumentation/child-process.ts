/** Child processes find the context of the unit of work that started them in their environment. */
import module from 'node:module';
import { inheritedCarrier, wholeEnvironment } from '../src/config/env.ts';
import { activeContext } from '../src/context/context.ts';
import { inheritanceOf } from '../src/context/inherited.ts';
import { propagation } from '../src/context/propagation.ts';
import type { Instrumentation } from '../src/instrumentation.ts';

type Callable = (...args: any[]) => unknown;
type Target = Record<string, Callable>;
type Variables = Readonly<Record<string, string | undefined>>;

const synchronous = ['spawnSync', 'execFileSync', 'execSync'] as const;

/** The variables of the current unit of work; `undefined` outside one, and where nothing is to go out. */
function currentVariables(): Variables | undefined {
  const carrier = propagation().sends ? inheritanceOf(activeContext()) : undefined;
  return (
    carrier && {
      TRACEPARENT: carrier.traceparent,
      TRACESTATE: carrier.tracestate,
      BAGGAGE: carrier.baggage,
      SONDE_CORRELATION_ID: carrier.correlationId,
    }
  );
}

/** What this process itself was given; a child that gets a copy of our environment gets these unasked. */
function ownVariables(): Variables {
  const { traceparent, tracestate, baggage, correlationId } = inheritedCarrier();
  return {
    TRACEPARENT: traceparent,
    TRACESTATE: tracestate,
    BAGGAGE: baggage,
    SONDE_CORRELATION_ID: correlationId,
  };
}

/**
 * What to change in a child's environment: a value the app has set stays, one that only passed through from our
 * own parent is replaced. A `TRACEPARENT` of the app's keeps our `TRACESTATE` out, which would belong to another.
 */
function changes(env: Variables): Variables {
  const current = currentVariables();
  if (current === undefined) return {};
  const own = ownVariables();
  const isSet = (name: string): boolean => env[name] !== undefined && env[name] !== own[name];
  const entries = Object.entries(current).filter(
    ([name]) => !isSet(name) && !(name === 'TRACESTATE' && isSet('TRACEPARENT')),
  );
  return Object.fromEntries(entries);
}

/** `['A=1']` with the current unit's variables. The list is a new one. */
function withVariables(pairs: readonly string[]): string[] {
  const split = pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair] as const);
  const changed = changes(
    Object.fromEntries(split.map(([name, pair]) => [name, pair.slice(name.length + 1)])),
  );
  const kept = split.filter(([name]) => !Object.hasOwn(changed, name)).map(([, pair]) => pair);
  const added = Object.entries(changed).filter(([, value]) => value !== undefined);
  return [...kept, ...added.map(([name, value]) => `${name}=${value}`)];
}

function wrapSpawn(spawn: Callable): Callable {
  return function (this: unknown, options: { envPairs?: unknown }, ...rest: unknown[]) {
    if (!Array.isArray(options?.envPairs)) return spawn.call(this, options, ...rest);
    return spawn.call(this, { ...options, envPairs: withVariables(options.envPairs) }, ...rest);
  };
}

/** `(file, args?, options?)` or `(command, options?)`: the options are the first object that is no list. */
function wrapSync(run: Callable): Callable {
  return function (this: unknown, ...args: unknown[]) {
    const found = args.findIndex(
      (arg, at) => at > 0 && typeof arg === 'object' && arg && !Array.isArray(arg),
    );
    const at = found > 0 ? found : Array.isArray(args[1]) || args.length > 2 ? 2 : 1;
    const options = args[at] as { env?: Variables } | undefined;
    const env = options?.env ?? wholeEnvironment();
    const changed = changes(env);
    if (Object.keys(changed).length > 0 && isOptions(options))
      args[at] = { ...options, env: { ...env, ...changed } };
    return run.apply(this, args);
  };
}

function isOptions(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null);
}

/** Replaces a method and gives back what undoes it. */
function replace(target: Target, name: string, wrap: (original: Callable) => Callable): () => void {
  const original = target[name] as Callable;
  const replacement = Object.defineProperties(wrap(original), {
    name: { value: original.name, configurable: true },
    length: { value: original.length, configurable: true },
  });
  target[name] = replacement;
  return () => {
    if (target[name] === replacement) target[name] = original;
  };
}

type ChildProcesses = Target & { ChildProcess: { prototype: Target } };
interface Cluster {
  readonly isPrimary: boolean;
}

/** A cluster's primary has loaded them by itself, which no hook sees. */
function childProcessesOf(exports: ChildProcesses | Cluster): ChildProcesses | undefined {
  if ('ChildProcess' in exports) return exports;
  if (!exports.isPrimary) return undefined;
  return process.getBuiltinModule('node:child_process') as unknown as ChildProcesses;
}

/**
 * `spawn`, `exec`, `execFile`, `fork` and a cluster's `fork` by the one method they share, also where they were
 * imported before; the three that wait by their exports. Outside a unit of work a child's environment is not touched.
 * (A31)
 */
export function childProcess(): Instrumentation {
  const undo: (() => void)[] = [];
  return {
    name: 'child-process',
    modules: ['node:child_process', 'node:cluster'],
    patch(given: ChildProcesses | Cluster) {
      const exports = childProcessesOf(given);
      if (exports === undefined || undo.length > 0) return;
      undo.push(replace(exports.ChildProcess.prototype, 'spawn', wrapSpawn));
      for (const name of synchronous) undo.push(replace(exports, name, wrapSync));
      module.syncBuiltinESMExports();
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
      module.syncBuiltinESMExports();
    },
  };
}
