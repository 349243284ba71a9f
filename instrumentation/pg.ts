/**
 * `pg` and `pg-pool`: one span per query, whatever its form. Connections are opened in the root context, because
 * they outlive the request that needed them first; each callback runs in the context of its own call.
 */
import type { Context } from '@opentelemetry/api';
import { activeContext, bindTo, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { type Callback, forNobody, type Method, type Opening, openedByNobody } from './connection.ts';
import { type PoolReader, type PoolSensor, poolSensor } from './connection-pool.ts';
import { type Database, type DatabaseCall, type DatabaseTarget, databaseSensor } from './database.ts';
import { rememberedTarget, serverTarget } from './database-target.ts';
import { override, ownerOf } from './override.ts';
import { patches } from './patches.ts';
import { totalRows } from './returned-rows.ts';
import { settled } from './settled.ts';
import { type SqlComment, sqlComment } from './sql-comment.ts';
import { faultOf } from './sqlstate.ts';

/** What is read of a `pg.Client`. */
interface Client {
  readonly database?: string;
  readonly host?: string;
  readonly port?: number;
}

/** What is read of a `pg.Pool`. */
interface Pool {
  readonly options?: Client & {
    readonly connectionString?: string;
    readonly max?: number;
    readonly min?: number;
  };
  readonly idleCount: number;
  readonly totalCount: number;
  readonly waitingCount: number;
  readonly ended?: boolean;
}

const defaultPort = 5432;

/** PostgreSQL by `pg` 8 and `pg-pool` 3, CommonJS and ES modules alike; not the native client. */
export function pg(): Instrumentation {
  const done = patches();

  return {
    name: 'pg',
    modules: ['pg', 'pg-pool'],
    patch(exports, specifier, sensors) {
      const database = databaseSensor(sensors);
      const Pool = specifier === 'pg' ? exports.Pool : exports;
      // `pg.Pool` is an empty subclass of the pool that does the work.
      done.once(ownerOf(Pool?.prototype, 'newClient'), (prototype) => {
        const pools = poolSensor(sensors, poolReader);
        return [...patchPool(prototype, database, pools), pools.stop];
      });
      if (specifier === 'pg')
        done.once(exports.Client?.prototype, (prototype) =>
          patchClient(prototype, database, sqlComment(sensors.config)),
        );
    },
    disable: done.undo,
  };
}

const targetAt = ({ host, port }: Client, namespace: string | undefined): DatabaseTarget =>
  serverTarget({ system: 'postgresql', namespace, host, port }, defaultPort);

const clientTarget = rememberedTarget(({ database }: Client) => database, targetAt);

function patchClient(prototype: object, database: Database, comment: SqlComment): (() => void)[] {
  const query = (original: Method): Method =>
    function (this: Client, ...args) {
      const text = textOf(args[0]);
      if (text === undefined) return original.apply(this, args);
      const caller = activeContext();
      const call = database.start(clientTarget(this), text, caller);
      if (call !== undefined) args[0] = commented(args[0], (sql) => comment(sql, call.context));
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
      openedByNobody({ database, target: clientTarget, fault: faultOf }),
    ),
  ];
}

const poolTarget = rememberedTarget(
  ({ options = {} }: Pool) => placeOf(options).database,
  ({ options = {} }, namespace) => targetAt(placeOf(options), namespace),
);

const poolReader: PoolReader<Pool> = {
  target: poolTarget,
  state({ options = {}, idleCount, totalCount, waitingCount, ended }) {
    if (ended === true) return undefined;
    return {
      idle: idleCount,
      used: totalCount - idleCount,
      pending: waitingCount,
      limit: options.max,
      idleMin: options.min,
    };
  },
  isTimeout: (error) => /\btimeout\b/.test(error?.message),
};

function patchPool(prototype: object, database: Database, pools: PoolSensor<Pool>): (() => void)[] {
  const newClient = (original: Method): Method =>
    function (this: Pool, pending, ...rest) {
      const follower = pools.makes(this);
      const callback: Method | undefined = pending?.callback;
      if (typeof callback === 'function')
        pending.callback = function (this: unknown, error: unknown, ...results: unknown[]) {
          if (!error) follower.got(undefined);
          return callback.call(this, error, ...results);
        };
      return original.call(this, pending, ...rest);
    };

  const release = (original: Method): Method =>
    forNobody(function (this: Pool, client, ...rest) {
      pools.returned(this, client);
      return original.call(this, client, ...rest);
    });

  const opening: Opening = {
    ...{ database, target: poolTarget, fault: faultOf, pool: 'pg' },
    follow: pools.asks,
  };
  return [
    override<Method>(prototype, 'connect', openedByNobody(opening)),
    override<Method>(prototype, 'newClient', newClient),
    override<Method>(prototype, '_release', release),
  ];
}

/** A pool knows its options only; of a connection string nothing but the place is read. */
function placeOf({ connectionString, ...options }: Client & { connectionString?: string }): Client {
  if (connectionString === undefined || !URL.canParse(connectionString)) return options;
  const { hostname, port, pathname } = new URL(connectionString);
  return { host: hostname, port: Number(port) || defaultPort, database: pathname.slice(1) || undefined };
}

/** The text of a query in any of its forms; `undefined` for what `pg` will refuse. */
function textOf(query: any): string | undefined {
  if (typeof query === 'string') return query;
  if (typeof query !== 'object' || query === null) return undefined;
  // pg-query-stream keeps the text in the cursor it wraps.
  const text = query.text ?? query.cursor?.text;
  return typeof text === 'string' ? text : typeof query.submit === 'function' ? '' : undefined;
}

/** A copy with another text, where there is one; a named statement keeps its own, since it is prepared once. */
function commented(query: any, comment: (sql: string) => string): unknown {
  if (typeof query === 'string') return comment(query);
  if (typeof query.submit === 'function' || query.name || typeof query.text !== 'string') return query;
  const text = comment(query.text);
  if (text === query.text) return query;
  // Template tags (`sql-template-strings`) give their text by a getter, which nobody can assign to.
  const copy = Object.create(Object.getPrototypeOf(query), Object.getOwnPropertyDescriptors(query));
  return Object.defineProperty(copy, 'text', { value: text, enumerable: true, configurable: true });
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
  let rows: number | undefined;
  const undo = handlers.map((name) =>
    override<Method>(query, name, (original) => (...args) => {
      if (name === 'handleRowDescription') rows ??= 0;
      else if (name === 'handleDataRow') rows = (rows ?? 0) + 1;
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
  if (Array.isArray(result)) return totalRows(result.map(rowsOf));
  return result?.fields?.length > 0 && Array.isArray(result.rows) ? result.rows.length : undefined;
}
