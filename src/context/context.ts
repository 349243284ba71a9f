/**
 * The one context store of the process. It is OpenTelemetry's: the same AsyncLocalStorage serves Sonde, every
 * official instrumentation and the app's own calls of the API.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context as api,
  type Context,
  type ContextManager,
  createContextKey,
  ROOT_CONTEXT,
} from '@opentelemetry/api';
import { shared } from '../slot.ts';

interface State {
  readonly storage: AsyncLocalStorage<Context>;
  foreign: boolean;
  /** What everything belongs to that nobody has given a context. */
  ground: Context;
  /** The innermost context that an exception has just left; see `thrownIn`. */
  thrownIn: Context | undefined;
}

const state = shared<State>('context', () => ({
  storage: new AsyncLocalStorage(),
  foreign: false,
  ground: ROOT_CONTEXT,
  thrownIn: undefined,
}));
const { storage } = state;

/** The context of work that belongs to nobody. */
export const rootContext: Context = ROOT_CONTEXT;

const detachedKey = createContextKey('sonde.detached');

/** The context of work that belongs to nobody because the app says so. */
export function detachedContext(): Context {
  return rootContext.setValue(detachedKey, true);
}

export function isDetached(context: Context): boolean {
  return context.getValue(detachedKey) === true;
}

/** The context of the running work; the root context outside any. */
export function activeContext(): Context {
  return state.foreign ? api.active() : (storage.getStore() ?? state.ground);
}

/**
 * Makes `context` that of the whole thread, until somebody sets another: a worker's or a child process's script
 * continues its parent. `enterWith` cannot do it: under `--import` the main module does not start from the
 * preload's context.
 */
export function standOn(context: Context): void {
  state.ground = context;
}

/** Runs `fn` for nobody, unless somebody has already set a context. */
export function runUnowned<T>(fn: () => T): T {
  return state.foreign || storage.getStore() !== undefined ? fn() : runStored(rootContext, fn);
}

/** Runs `fn` in `context` and gives back what it returns. */
export function runIn<T>(context: Context, fn: () => T): T {
  return state.foreign ? api.with(context, fn) : runStored(context, fn);
}

/**
 * Where the exception comes from that nobody has caught: when the process is told of it, the function that was run in
 * a context has been left. The active context where none was left by a throw in this very tick.
 */
export function thrownIn(): Context {
  return state.thrownIn ?? activeContext();
}

/** No `catch`: what is thrown anew would be shown, and grouped, as thrown here. */
function runStored<T>(context: Context, fn: () => T): T {
  let isThrowing = true;
  try {
    const result = storage.run(context, fn);
    isThrowing = false;
    return result;
  } finally {
    if (isThrowing) noteThrow(context);
  }
}

function noteThrow(context: Context): void {
  if (state.thrownIn !== undefined) return;
  state.thrownIn = context;
  queueMicrotask(forgetThrow);
}

function forgetThrow(): void {
  state.thrownIn = undefined;
}

/**
 * Makes `context` current for the rest of this synchronous run and all it starts. Only for the edges where no
 * function can be wrapped (diagnostics channels); a foreign context manager has no such call.
 */
export function enterContext(context: Context): void {
  if (!state.foreign) storage.enterWith(context);
}

/** `fn`, always run in `context`. Properties of `fn` are not carried over. */
export function bindTo<F extends (...args: any[]) => unknown>(context: Context, fn: F): F {
  return function (this: unknown, ...args: unknown[]) {
    return runIn(context, () => fn.apply(this, args));
  } as F;
}

/** Another SDK holds the context: from now on ours is reached through the API. */
export function followForeignContext(): void {
  state.foreign = true;
}

/** What OpenTelemetry's API calls. Emitters are bound by wrapping their listeners' calls, never their methods. */
export const contextManager: ContextManager = {
  active: activeContext,
  with(context, fn, thisArg, ...args) {
    return runStored(context, () => fn.apply(thisArg as never, args));
  },
  bind(context, target) {
    return typeof target === 'function' ? (bindTo(context, target as never) as typeof target) : target;
  },
  enable() {
    return contextManager;
  },
  disable() {
    return contextManager;
  },
};
