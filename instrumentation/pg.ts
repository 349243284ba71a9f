/**
 * `pg` and `pg-pool`: one span per query, whatever its form. Connections are opened in the root context, because
 * they outlive the request that needed them first; each callback runs in the context of its own call.
 */
import type { Context } from '@opentelemetry/api';
import { activeContext, bindTo, rootContext, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import {
  type Database,
  type DatabaseCall,
  type DatabaseFault,
  type DatabaseTarget,
  databaseSensor,
} from './database.ts';
import { override } from './override.ts';

type Method = (this: any, ...args: any[]) => any;
type Callback = (error: unknown, result?: unknown, ...rest: unknown[]) => unknown;

/** What is read of a `pg.Client`. */
interface Client {
  readonly database?: string;
  readonly host?: string;
  readonly port?: number;
}

/** What is read of a `pg.Pool`. */
interface Pool {
  readonly options?: Client & { readonly connectionString?: string };
}

const system = 'postgresql';
const defaultPort = 5432;

/** PostgreSQL by `pg` 8 and `pg-pool` 3, CommonJS and ES modules alike; not the native client. */
export function pg(): Instrumentation {
  const undo: (() => void)[] = [];
  let patched = new WeakSet<object>();

  function once(prototype: object | undefined, patch: (prototype: object) => (() => void)[]): void {
    if (prototype === undefined || patched.has(prototype)) return;
    patched.add(prototype);
    undo.push(...patch(prototype));
  }

  return {
    name: 'pg',
    modules: ['pg', 'pg-pool'],
    patch(exports, specifier, sensors) {
      const database = databaseSensor(sensors);
      const Pool = specifier === 'pg' ? exports.Pool : exports;
      once(ownerOf(Pool?.prototype, 'newClient'), (prototype) => patchPool(prototype, database));
      if (specifier === 'pg')
        once(exports.Client?.prototype, (prototype) => patchClient(prototype, database));
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
      patched = new WeakSet();
    },
  };
}

/** `pg.Pool` is an empty subclass of the pool that does the work. */
function ownerOf(prototype: object | undefined, method: string): object | undefined {
  let owner: object | null | undefined = prototype;
  while (owner && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner);
  return owner ?? undefined;
}

const targets = new WeakMap<object, DatabaseTarget>();

function targetOf(owner: object, { database, host, port }: Client): DatabaseTarget {
  const known = targets.get(owner);
  if (known !== undefined) return known;
  const target = {
    system,
    namespace: database,
    address: host,
    port: port === defaultPort ? undefined : port,
  };
  targets.set(owner, target);
  return target;
}

function patchClient(prototype: object, database: Database): (() => void)[] {
  const query = (original: Method): Method =>
    function (this: Client, ...args) {
      const text = textOf(args[0]);
      if (text === undefined) return original.apply(this, args);
      const caller = activeContext();
      const call = database.start(targetOf(this, this), text, caller);
      const work = () => send(original, this, args, caller, call);
      try {
        return call === undefined ? work() : runIn(call.context, work);
      } catch (error) {
        call?.fail(faultOf(error));
        throw error;
      }
    };

  return [
    override<Method>(prototype, 'query', query),
    override<Method>(
      prototype,
      'connect',
      openedByNobody(database, (client: Client) => targetOf(client, client)),
    ),
  ];
}

function patchPool(prototype: object, database: Database): (() => void)[] {
  // Timers of an idle connection must not keep, or speak for, the request that gave it back.
  const release = (original: Method): Method =>
    function (this: unknown, ...args) {
      return runIn(rootContext, () => original.apply(this, args));
    };
  const poolTarget = (pool: Pool) => targetOf(pool, placeOf(pool.options ?? {}));
  return [
    override<Method>(prototype, 'connect', openedByNobody(database, poolTarget)),
    override<Method>(prototype, '_release', release),
  ];
}

/** A pool knows its options only; of a connection string nothing but the place is read. */
function placeOf({ connectionString, ...options }: Client & { connectionString?: string }): Client {
  if (connectionString === undefined || !URL.canParse(connectionString)) return options;
  const { hostname, port, pathname } = new URL(connectionString);
  return { host: hostname, port: Number(port) || defaultPort, database: pathname.slice(1) || undefined };
}

/** `connect` in the root context, its callback in the caller's; a failure is told to the caller's trace. */
function openedByNobody(
  database: Database,
  target: (owner: any) => DatabaseTarget,
): (original: Method) => Method {
  return (original) =>
    function (this: object, callback?: Callback, ...rest) {
      const caller = activeContext();
      const startTime = Date.now();
      const failed = (error: unknown) => {
        database.unreachable(target(this), faultOf(error), startTime, caller);
      };
      if (typeof callback === 'function') {
        const bound = bindTo(caller, function (this: unknown, error: unknown, ...results: unknown[]) {
          if (error) failed(error);
          return callback.call(this, error, ...results);
        });
        return runIn(rootContext, () => original.call(this, bound, ...rest));
      }
      const promise = runIn(rootContext, () => original.call(this, callback, ...rest));
      return settled(promise, nothing, failed);
    };
}

const nothing = (): void => {};

/** The text of a query in any of its forms; `undefined` for what `pg` will refuse. */
function textOf(query: any): string | undefined {
  if (typeof query === 'string') return query;
  if (typeof query !== 'object' || query === null) return undefined;
  // pg-query-stream keeps the text in the cursor it wraps.
  const text = query.text ?? query.cursor?.text;
  return typeof text === 'string' ? text : typeof query.submit === 'function' ? '' : undefined;
}

/** Calls `query` so that the call ends with it and whatever the app gets called with runs in `caller`. */
function send(
  original: Method,
  client: object,
  args: any[],
  caller: Context,
  call: DatabaseCall | undefined,
): unknown {
  const [query, values, last] = args;
  if (typeof query.submit === 'function') {
    follow(query, caller, call);
    return original.apply(client, args);
  }
  const callback = [last, values, query.callback].find((each) => typeof each === 'function');
  if (callback === undefined) {
    const result = original.apply(client, args);
    return call === undefined
      ? result
      : settled(
          result,
          (value) => call.end(rowsOf(value)),
          (error) => call.fail(faultOf(error)),
        );
  }
  const bound: Callback = bindTo(caller, function (this: unknown, error: unknown, ...results: unknown[]) {
    if (error) call?.fail(faultOf(error));
    else call?.end(rowsOf(results[0]));
    return callback.call(this, error, ...results);
  });
  const own = query.callback;
  const result = original.call(client, query, typeof values === 'function' ? undefined : values, bound);
  // Older versions of pg leave the callback in the app's own object.
  if (own !== undefined && query.callback === bound) query.callback = own;
  return result;
}

/** The same outcome, seen on its way; a rejection nobody handles stays one. */
function settled<T>(
  promise: Promise<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): Promise<T> {
  if (typeof promise?.then !== 'function') return promise;
  return promise.then(
    (value) => {
      done(value);
      return value;
    },
    (error) => {
      failed(error);
      throw error;
    },
  );
}

/** What the client calls on a query object: all of its events and callbacks come out of these. */
const handlers = [
  'handleRowDescription',
  'handleDataRow',
  'handlePortalSuspended',
  'handleCommandComplete',
  'handleEmptyQuery',
  'handleCopyInResponse',
  'handleCopyData',
  'handleError',
  'handleReadyForQuery',
];

/** Query objects, cursors and streams: they end when the connection is ready again, not when they are submitted. */
function follow(query: any, caller: Context, call: DatabaseCall | undefined): void {
  let rows = 0;
  const undo = handlers.map((name) =>
    override<Method>(query, name, (original) => (...args) => {
      if (name === 'handleDataRow') rows += 1;
      else if (name === 'handleError') call?.fail(faultOf(args[0]));
      else if (name === 'handleReadyForQuery') finish();
      return runIn(caller, () => original.apply(query, args));
    }),
  );
  // The callback of an early `close` waits on the connection itself.
  const close = override<Method>(query, 'close', (original) => (callback, ...rest) => {
    const bound = typeof callback === 'function' ? bindTo(activeContext(), callback) : callback;
    return original.call(query, bound, ...rest);
  });
  undo.push(close);
  function finish(): void {
    call?.end(rows);
    for (const restore of undo) restore();
  }
}

function rowsOf(result: any): number | undefined {
  if (Array.isArray(result)) return result.reduce((sum, each) => sum + (rowsOf(each) ?? 0), 0);
  return result?.fields?.length > 0 && Array.isArray(result.rows) ? result.rows.length : undefined;
}

/** A SQLSTATE is five letters or digits. Its message may quote values of the app, a network error's does not. */
function faultOf(error: unknown): DatabaseFault {
  const { code, name, message, severity } = (error ?? {}) as Record<string, unknown>;
  const type = typeof code === 'string' && code !== '' ? code : typeof name === 'string' ? name : '_OTHER';
  if (typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(type)) return { type, statusCode: type };
  return { type, message: typeof message === 'string' ? message : undefined };
}
