/**
 * `mysql2` and `mysql`: one span per query or execution, in callback, promise, event and stream style. The promise
 * faces of mysql2 sit on the same connections, so those alone are patched.
 */
import type { Context } from '@opentelemetry/api';
import { activeContext, bindTo, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { type Callback, forNobody, type Method, type Opening, openedByNobody } from './connection.ts';
import { type PoolReader, type PoolSensor, poolSensor } from './connection-pool.ts';
import {
  type Database,
  type DatabaseCall,
  type DatabaseFault,
  type DatabaseTarget,
  databaseSensor,
} from './database.ts';
import { rememberedTarget, serverTarget } from './database-target.ts';
import { moduleCache } from './loaded-modules.ts';
import { override, ownerOf } from './override.ts';
import { type Patches, patches } from './patches.ts';
import { totalRows } from './returned-rows.ts';
import { type SqlComment, sqlComment } from './sql-comment.ts';

/** What is read of a connection's or a pool's configuration. */
interface Place {
  readonly database?: string;
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string;
  /** A pool keeps the configuration of its connections here. */
  readonly connectionConfig?: Place;
}

interface Owner {
  readonly config?: Place;
  /** Of a connection, the pool it belongs to. */
  readonly _pool?: Pool | null;
}

/** What is read of a pool. */
interface Pool extends Owner {
  readonly config?: Place & { readonly connectionLimit?: number; readonly maxIdle?: number };
  readonly _allConnections: { readonly length: number };
  readonly _freeConnections: { readonly length: number };
  readonly _connectionQueue: { readonly length: number };
  readonly _closed: boolean;
}

/** MySQL and MariaDB servers by `mysql2` 2 and 3 or `mysql` 2, CommonJS and ES modules alike. */
export function mysql(): Instrumentation {
  const done = patches();

  return {
    name: 'mysql',
    modules: ['mysql2', 'mysql2/promise', 'mysql'],
    patch(exports, specifier, sensors) {
      const database = databaseSensor(sensors);
      const pools = poolSensor<Pool>(sensors, poolReader);
      done.add(pools.stop);
      const opening = { database, target: targetOf, fault: faultOf };
      const made = ({ _pool }: Owner) => (_pool ? pools.makes(_pool) : undefined);
      // `mysql` loads its classes when somebody makes the first pool; one that nobody uses opens nothing.
      if (specifier === 'mysql') exports.createPool({});
      for (const { connection, pool } of classesOf(specifier)) {
        done.once(connection, (prototype) =>
          patchConnection(prototype, { ...opening, made }, done, sqlComment(sensors.config)),
        );
        done.once(pool, (prototype) => patchPool(prototype, opening, pools));
      }
      // The promise face goes through the plain one.
      if (specifier !== 'mysql2/promise') done.add(override<Method>(exports, 'createConnection', forNobody));
    },
    disable: done.undo,
  };
}

interface Classes {
  readonly connection?: object;
  readonly pool?: object;
}

const file = /[\\/]node_modules[\\/](mysql2?)[\\/]lib[\\/](?:base[\\/])?(connection|pool)\.js$/i;

/** The classes that do the work are not exported, by `mysql2/promise` not even their heirs; the cache has them. */
function classesOf(specifier: string): Classes[] {
  const name = specifier.split('/')[0];
  return Object.entries(moduleCache).flatMap(([path, module]): Classes[] => {
    const [, library, kind] = file.exec(path) ?? [];
    const prototype = module?.exports?.prototype;
    if (library !== name || kind === undefined || prototype === undefined) return [];
    return kind.toLowerCase() === 'pool'
      ? [{ pool: ownerOf(prototype, 'getConnection') }]
      : [{ connection: ownerOf(prototype, 'query') }];
  });
}

const placeOf = ({ config }: Owner): Place => config?.connectionConfig ?? config ?? {};

/** `changeUser` moves a connection to another database. */
const targetOf = rememberedTarget(
  (owner: Owner) => placeOf(owner).database || undefined,
  (owner, namespace) => {
    const { host, port, socketPath } = placeOf(owner);
    return serverTarget({ system: 'mysql', namespace, host, port, socketPath }, 3306);
  },
);

function patchConnection(
  prototype: object,
  opening: Opening,
  done: Patches,
  comment: SqlComment,
): (() => void)[] {
  const { database } = opening;
  const ask =
    (comment?: SqlComment) =>
    (original: Method): Method =>
      function (this: Owner, ...args) {
        return observed(database, targetOf(this), textOf(args[0]), original, this, args, comment);
      };

  // What it gives to its callback is the only sight of the class of prepared statements.
  const prepare = (original: Method): Method =>
    function (this: Owner, options, callback, ...rest) {
      if (typeof callback !== 'function') return original.call(this, options, callback, ...rest);
      const bound = bindTo(activeContext(), function (this: unknown, error, statement, ...more) {
        done.once(statement && Object.getPrototypeOf(statement), (found) => patchStatement(found, database));
        return callback.call(this, error, statement, ...more);
      } as Callback);
      return original.call(this, options, bound, ...rest);
    };

  return [
    override<Method>(prototype, 'query', ask(comment)),
    override<Method>(prototype, 'execute', ask()),
    override<Method>(prototype, 'prepare', prepare),
    override<Method>(prototype, 'connect', openedByNobody(opening)),
    override<Method>(prototype, '_notifyError', broken),
  ];
}

/** What is read of a connection of mysql2 that breaks. */
interface Broken {
  readonly _command?: object | null;
  readonly _commands?: { toArray?(): object[] };
}

/** Calls that only an event can end. */
const followed = new WeakMap<object, DatabaseCall>();

/** To commands without a callback mysql2 says nothing when their connection breaks. */
function broken(original: Method): Method {
  return function (this: Broken, error, ...rest) {
    const commands = [this._command ?? {}, ...(this._commands?.toArray?.() ?? [])];
    const result = original.call(this, error, ...rest);
    for (const command of commands) followed.get(command)?.fail(faultOf(error));
    return result;
  };
}

const poolReader: PoolReader<Pool> = {
  target: targetOf,
  state({ config, _allConnections, _freeConnections, _connectionQueue, _closed }) {
    if (_closed) return undefined;
    return {
      idle: _freeConnections.length,
      used: _allConnections.length - _freeConnections.length,
      pending: _connectionQueue.length,
      limit: config?.connectionLimit || undefined,
      idleMax: config?.maxIdle,
    };
  },
  isTimeout: (error) => error?.code === 'ETIMEDOUT' || error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT',
};

function patchPool(prototype: object, opening: Opening, pools: PoolSensor<Pool>): (() => void)[] {
  const release = (original: Method): Method =>
    forNobody(function (this: Pool, connection, ...rest) {
      pools.returned(this, connection);
      return original.call(this, connection, ...rest);
    });
  return [
    override<Method>(
      prototype,
      'getConnection',
      openedByNobody({ ...opening, pool: 'mysql2', follow: pools.asks }),
    ),
    override<Method>(prototype, 'releaseConnection', release),
  ];
}

/** Statements of `connection.prepare`. */
interface Statement {
  readonly query: string;
  readonly _connection: Owner;
}

function patchStatement(prototype: object, database: Database): (() => void)[] {
  const execute = (original: Method): Method =>
    function (this: Statement, ...args) {
      return observed(database, targetOf(this._connection), this.query, original, this, args);
    };
  return [override<Method>(prototype, 'execute', execute)];
}

/** The text of a query in any of its forms; `undefined` for what the driver will refuse. */
function textOf(query: any): string | undefined {
  const text = typeof query === 'object' && query !== null ? query.sql : query;
  return typeof text === 'string' ? text : undefined;
}

/** Sends a command so that its call ends with it, and whatever the app gets called with runs in its context. */
function observed(
  database: Database,
  target: DatabaseTarget,
  text: string | undefined,
  original: Method,
  receiver: object,
  args: any[],
  comment?: SqlComment,
): unknown {
  if (text === undefined) return original.apply(receiver, args);
  const caller = activeContext();
  const call = database.start(target, text, caller);
  if (call !== undefined && comment !== undefined)
    args[0] = commented(args[0], text, comment(text, call.context));
  const calledBack = bindCallback(args, caller, call);
  const work = () => original.apply(receiver, args);
  try {
    const command = call === undefined ? work() : runIn(call.context, work);
    if (typeof command?.emit === 'function') follow(command, caller, calledBack ? undefined : call);
    return command;
  } catch (error) {
    call?.fail(faultOf(error));
    throw error;
  }
}

/** A command that a pool has made gets the other text, an app's own object is copied. */
function commented(query: any, text: string, changed: string): unknown {
  if (text === changed) return query;
  if (typeof query === 'string') return changed;
  if (typeof query.emit !== 'function') return { ...query, sql: changed };
  query.sql = changed;
  return query;
}

/** Where mysql2 and mysql keep the callback of a command that a pool has made before. */
const callbackNames = ['onResult', '_callback'];

/** Whether there is a callback; then it ends the call. */
function bindCallback(args: any[], caller: Context, call: DatabaseCall | undefined): boolean {
  const ending = (callback: Callback): Callback =>
    bindTo(caller, function (this: unknown, error, ...results) {
      if (error) call?.fail(faultOf(error));
      else call?.end(rowsOf(results[0], results[1]));
      return callback.call(this, error, ...results);
    });
  const at = args.findIndex((each) => typeof each === 'function');
  if (at >= 0) {
    args[at] = ending(args[at]);
    return true;
  }
  const [command] = args;
  const name = callbackNames.find((each) => typeof command?.[each] === 'function');
  if (name !== undefined) command[name] = ending(command[name]);
  return name !== undefined;
}

/** A command is an emitter; its streams feed on the same events. Without a callback its `end` ends the call. */
function follow(command: any, caller: Context, call: DatabaseCall | undefined): void {
  let rows: number | undefined;
  if (call !== undefined) followed.set(command, call);
  override<Method>(command, 'emit', (original) => (event, ...values) => {
    if (event === 'fields' && values[0] !== undefined) rows ??= 0;
    else if (event === 'result' && rows !== undefined && !isHeader(values[0])) rows += 1;
    else if (event === 'error') call?.fail(faultOf(values[0]));
    else if (event === 'end') call?.end(rows);
    return runIn(caller, () => original.call(command, event, ...values));
  });
}

const headers = new Set(['OkPacket', 'ResultSetHeader']);

/** What a statement without rows is answered with. */
function isHeader(result: any): boolean {
  return headers.has(result?.constructor?.name);
}

/** Of several statements the rows of all, each with its fields: the rows of one may be arrays themselves. */
function rowsOf(result: unknown, fields: unknown): number | undefined {
  if (!Array.isArray(result)) return undefined;
  const isOne = !Array.isArray(fields) || (fields[0] !== undefined && !Array.isArray(fields[0]));
  if (isOne) return result.length;
  return totalRows(result.map((rows, at) => (fields[at] === undefined ? undefined : rows?.length)));
}

/** What the server answered has a number; its message may quote values of the app, a network error's does not. */
function faultOf(error: unknown): DatabaseFault {
  const { code, errno, sqlState, name, message } = (error ?? {}) as Record<string, unknown>;
  const type = typeof code === 'string' && code !== '' ? code : typeof name === 'string' ? name : '_OTHER';
  const answered = typeof errno === 'number' && (typeof sqlState === 'string' || /^ER_/.test(type));
  if (answered) return { type, statusCode: String(errno) };
  return { type, message: typeof message === 'string' ? message : undefined };
}
