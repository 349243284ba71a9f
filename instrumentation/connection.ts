/** Connections outlive the request that needed them first: they are opened in the root context and belong to nobody. */
import type { Context } from '@opentelemetry/api';
import { activeContext, bindTo, rootContext, runIn } from '../src/context/context.ts';
import { notePool, type PoolKind } from '../src/pools.ts';
import { askingHere } from './asked-at.ts';
import type { Database, DatabaseFault, DatabaseTarget } from './database.ts';
import { settled } from './settled.ts';

export type Method = (this: any, ...args: any[]) => any;
export type Callback = (this: any, error: unknown, ...results: any[]) => unknown;

/** `original` for nobody: idle timers and event handlers that it sets up must not speak for the request of now. */
export function forNobody(original: Method): Method {
  return function (this: unknown, ...args) {
    return runIn(rootContext, () => original.apply(this, args));
  };
}

/** Whoever wants to know how an opening ended. */
export interface Follower {
  got(connection: unknown): void;
  refused(error: unknown): void;
}

/** What a driver says about itself when it connects. */
export interface Opening {
  /** What health checks know it by, where it is no single connection of a pool. */
  readonly pool?: PoolKind;
  readonly database: Database;
  target(owner: any): DatabaseTarget;
  fault(error: unknown): DatabaseFault;
  /** Called in the opening call, before anything is opened. */
  follow?(owner: any, caller: Context): Follower | undefined;
  /** The same of a connection that a pool makes: nobody waits for this one. */
  made?(owner: any): Follower | undefined;
}

/** On callbacks that are followed already: pools ask themselves again for those that had to wait. */
const followed = Symbol('sonde.followed');

/**
 * `connect` in the root context, its callback in the caller's, whether the callback is the first argument or the
 * second, or there is a promise; a failure is told to the caller's trace.
 */
export function openedByNobody({
  database,
  target,
  fault,
  pool,
  follow,
  made,
}: Opening): (original: Method) => Method {
  return (original) =>
    function (this: object, ...args) {
      const at = args.findIndex((each) => typeof each === 'function');
      if (at >= 0 && args[at][followed] === true) return original.apply(this, args);
      if (pool !== undefined) notePool(pool, this);
      const caller = activeContext();
      const startTime = Date.now();
      const follower = follow?.(this, caller) ?? made?.(this);
      const got = (connection: unknown) => follower?.got(connection);
      const refused = (error: unknown) => {
        follower?.refused(error);
        database.unreachable(target(this), fault(error), startTime, caller);
      };
      const back = follow === undefined ? caller : askingHere(caller);
      if (at >= 0) args[at] = following(bindTo(back, args[at]), { got, refused });
      const result = runIn(rootContext, () => original.apply(this, args));
      return at >= 0 ? result : settled(result, got, refused);
    };
}

function following(callback: Callback, { got, refused }: Follower): Callback {
  function called(this: unknown, error: unknown, ...results: any[]): unknown {
    if (error) refused(error);
    else got(results[0]);
    return callback.call(this, error, ...results);
  }
  // A property: a WeakSet of so many that live so shortly costs a microsecond each.
  called[followed] = true;
  return called;
}
