/**
 * The queue of undici's pools. A request that waits there for a connection is made, and told of on the channels,
 * only when another one gives its connection back, and in that one's context; so each is taken home before. The
 * `fetch` of Node.js itself never queues.
 */
import type { Context } from '@opentelemetry/api';
import { activeContext, runIn } from '../src/context/context.ts';
import { override } from './override.ts';

type Dispatch = (this: object, options: unknown, handler: object) => unknown;

/** Patches the pools of one copy of the package; the returned function undoes it. */
export function patchUndiciPools(exports?: { readonly Pool?: { readonly prototype: object } }): () => void {
  const queued = new WeakMap<object, Context>();
  const prototypes = chainOf(exports?.Pool?.prototype);
  const enter = (original: Dispatch): Dispatch =>
    function (options, handler) {
      if (Object(handler) === handler) queued.set(handler, activeContext());
      return original.call(this, options, handler);
    };
  const leave = (original: Dispatch): Dispatch =>
    function (options, handler) {
      const context = queued.get(handler);
      const dispatch = () => original.call(this, options, handler);
      return context === undefined || context === activeContext() ? dispatch() : runIn(context, dispatch);
    };
  const undo = [
    ...prototypes.slice(0, -1).flatMap((prototype) => overrideSymbol(prototype, 'dispatch', enter)),
    ...prototypes.slice(-1).map((prototype) => override<Dispatch>(prototype, 'dispatch', leave)),
  ];
  return () => {
    for (const restore of undo) restore();
  };
}

/** From the pool up to where `dispatch` itself is, which clients share with pools. */
function chainOf(start: object | undefined): object[] {
  const chain: object[] = [];
  for (let at = start; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    chain.push(at);
    if (Object.hasOwn(at, 'dispatch')) return chain;
  }
  return [];
}

/** undici names its inner methods by symbols of its own. */
function overrideSymbol(
  target: object,
  description: string,
  make: (original: Dispatch) => Dispatch,
): (() => void)[] {
  return Object.getOwnPropertySymbols(target)
    .filter((symbol) => symbol.description === description)
    .map((symbol) => override<Dispatch>(target, symbol as never, make));
}
