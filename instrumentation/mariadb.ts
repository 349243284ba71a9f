/**
 * MariaDB's own connector: one span per query, execution, batch or stream. The faces that apps hold, by promise and by
 * callback, keep the connections and pools that do the work in private fields, so the classes of those are found once,
 * and every face sits on them.
 */
import { EventEmitter } from 'node:events';
import type { Context } from '@opentelemetry/api';
import { activeContext, bindTo, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { type Callback, forNobody, type Method, openedByNobody } from './connection.ts';
import { type PoolReader, type PoolSensor, poolSensor } from './connection-pool.ts';
import {
  type Database,
  type DatabaseCall,
  type DatabaseFault,
  type DatabaseTarget,
  databaseSensor,
} from './database.ts';
import { rememberedTarget, serverTarget } from './database-target.ts';
import { override, ownerOf } from './override.ts';
import { patches } from './patches.ts';
import { totalRows } from './returned-rows.ts';
import { type SqlComment, sqlComment } from './sql-comment.ts';

/** What is read of a connection's options. */
interface Place {
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string | null;
  readonly database?: string | null;
}

interface Connection {
  readonly opts: Place;
  readonly status: number;
  readonly info?: { isMariaDB?(): boolean };
}

interface Pool {
  readonly opts: {
    readonly connOptions: Place;
    readonly connectionLimit: number;
    readonly minimumIdle: number;
  };
  readonly closed: boolean;
  idleConnections(): number;
  activeConnections(): number;
  totalConnections(): number;
  taskQueueSize(): number;
}

/** What an app asks for, before it becomes commands. */
interface Asked {
  readonly sql?: unknown;
  readonly values?: unknown;
}

interface Command {
  sql?: unknown;
  /** `false` of what sends its text, not what was prepared. */
  readonly binary?: boolean;
  readonly cmdParam?: Asked;
  readonly inStream?: object;
  resolve?: Method | null;
  reject?: Method | null;
  once(event: 'end', listener: (error?: unknown) => void): void;
}

/** Of a connection that still sets itself up: what it sends is the driver's own. */
const settingUp = 4;
const open = 5;

/** MariaDB and MySQL servers by `mariadb` 3, CommonJS and ES modules alike. */
export function mariadb(): Instrumentation {
  const done = patches();

  return {
    name: 'mariadb',
    modules: ['mariadb', 'mariadb/callback'],
    takesNamespaces: true,
    patch(exports, _specifier, sensors) {
      const database = databaseSensor(sensors);
      const { connection, pool } = classesOf(exports);
      done.once(connection, (prototype) => patchConnection(prototype, database, sqlComment(sensors.config)));
      done.once(pool, (prototype) => {
        const pools = poolSensor(sensors, poolReader);
        return [...patchPool(prototype, database, pools), pools.stop];
      });
    },
    disable: done.undo,
  };
}

interface Classes {
  readonly connection?: object;
  readonly pool?: object;
}

/** A pool without a minimum and a connection over a stream that never comes open nothing; both are emitters. */
function classesOf({ createPool, createConnection }: any): Classes {
  const made = new Set<object>();
  const restore = override<Method>(EventEmitter.prototype, 'on', (original) => {
    return function (this: object, ...args) {
      made.add(this);
      return original.apply(this, args);
    };
  });
  try {
    createPool({ minimumIdle: 0, connectionLimit: 1 });
    createConnection({ stream: () => undefined, connectTimeout: 0 });
  } finally {
    restore();
  }
  const owners = (method: string) => [...made].map((each) => ownerOf(each, method)).find(Boolean);
  return { connection: owners('addCommandEnable'), pool: owners('_createPoolConnection') };
}

/** An app may move a connection to another database. */
function targetsOf<O extends object>(
  system: string,
  placeOf: (owner: O) => Place,
): (owner: O) => DatabaseTarget {
  return rememberedTarget(
    (owner) => placeOf(owner).database || undefined,
    (owner, namespace) => serverTarget({ system, namespace, ...placeOf(owner) }, 3306),
  );
}

const mysqlTarget = targetsOf('mysql', ({ opts }: Connection) => opts);
const mariadbTarget = targetsOf('mariadb', ({ opts }: Connection) => opts);
const poolTarget = targetsOf('mariadb', ({ opts }: Pool) => opts.connOptions);

/** Which server it is shows while the connection is open; to ask before throws. */
function connectionTarget(connection: Connection): DatabaseTarget {
  const isMysql = connection.status === open && connection.info?.isMariaDB?.() === false;
  return isMysql ? mysqlTarget(connection) : mariadbTarget(connection);
}

/** What has its call already, or is to have none of its own: the steps of an execution or a batch. */
const covered = new WeakSet<object>();
let isInBatch = false;

/** The same with another text, where there is one. */
function commented(asked: Asked, text: string): Asked {
  return asked.sql === text ? asked : { ...asked, sql: text };
}

function patchConnection(prototype: object, database: Database, comment: SqlComment): (() => void)[] {
  /** Of what may take several commands. */
  const whole =
    (isBatch: boolean, isText = false) =>
    (original: Method): Method =>
      function (this: Connection, asked: Asked, resolve: Method, reject: Method, ...rest) {
        const caller = activeContext();
        const { sql, values } = asked ?? {};
        if (this.status === settingUp) covered.add(asked);
        if (Object(asked) !== asked || covered.has(asked))
          return original.call(this, asked, resolve, reject, ...rest);
        const size = isBatch && Array.isArray(values) ? values.length : 1;
        const call =
          typeof sql === 'string' ? database.start(connectionTarget(this), sql, caller, size) : undefined;
        if (call === undefined) return original.call(this, asked, resolve, reject, ...rest);
        const sent = isText ? commented(asked, comment(sql as string, call.context)) : asked;
        covered.add(sent);
        const rows = isBatch ? () => undefined : rowsOf;
        const [done, failed] = ending(call, caller, resolve, reject, rows);
        return runIn(call.context, () => original.call(this, sent, done, failed, ...rest));
      };

  /** A connection keeps the way it adds commands, so this may be called after it was taken back. */
  let isPatched = true;
  const add = (original: Method): Method =>
    function (this: Connection, command: Command, ...rest) {
      if (isPatched) follow(database, comment, this, command);
      return original.call(this, command, ...rest);
    };

  /** Its statement runs when somebody executes it. */
  const prepare = (original: Method): Method =>
    function (this: Connection, asked: Asked, ...rest) {
      if (Object(asked) === asked) covered.add(asked);
      return original.call(this, asked, ...rest);
    };

  const execute = (original: Method): Method =>
    function (this: Connection, asked: Asked, ...rest) {
      if (isInBatch) covered.add(asked);
      return original.call(this, asked, ...rest);
    };

  const chunk = (original: Method): Method =>
    function (this: Connection, ...args) {
      isInBatch = true;
      try {
        return original.apply(this, args);
      } finally {
        isInBatch = false;
      }
    };

  const opening = { database, target: connectionTarget, fault: faultOf };
  return [
    override<Method>(prototype, 'connect', openedByNobody(opening)),
    override<Method>(prototype, 'query', whole(false, true)),
    override<Method>(prototype, 'prepareExecute', whole(false)),
    override<Method>(prototype, 'batch', whole(true)),
    override<Method>(prototype, 'prepare', prepare),
    override<Method>(prototype, 'executePromise', execute),
    override<Method>(prototype, 'executeBatchChunk', chunk),
    ...['addCommandQueue', 'addCommandEnable', 'addCommandEnablePipeline'].map((name) =>
      override<Method>(prototype, name, add),
    ),
    () => {
      isPatched = false;
    },
  ];
}

function ending(
  call: DatabaseCall,
  caller: Context,
  resolve: Method,
  reject: Method,
  rows: (result: unknown) => number | undefined,
): [Callback, Callback] {
  const done: Method = (result, ...rest) => {
    call.end(rows(result));
    return resolve(result, ...rest);
  };
  const failed: Method = (error, ...rest) => {
    call.fail(faultOf(error));
    return reject(error, ...rest);
  };
  return [bindTo(caller, done), bindTo(caller, failed)];
}

/** One command that is a statement of the app's own; whatever it calls or emits belongs to its caller. */
function follow(database: Database, comment: SqlComment, connection: Connection, command: Command): void {
  const { sql, cmdParam, resolve, reject } = command;
  if (typeof sql !== 'string' || cmdParam === undefined || covered.has(cmdParam)) return;
  if (connection.status === settingUp) return;
  covered.add(cmdParam);
  const caller = activeContext();
  const call = database.start(connectionTarget(connection), sql, caller);
  if (call !== undefined && command.binary === false) command.sql = comment(sql, call.context);
  const streamed = watchStream(command, caller);
  if (call !== undefined && resolve && reject) {
    const rows = (result: unknown) => streamed() ?? rowsOf(result);
    [command.resolve, command.reject] = ending(call, caller, resolve, reject, rows);
  }
  bindEvents(command, caller);
  command.once('end', (error) => {
    if (error) call?.fail(faultOf(error));
    // A result that there is comes a moment later, and knows its rows.
    else process.nextTick(() => call?.end(streamed()));
  });
}

/** Rows that went through the command's stream so far, if it has one, which the callback face makes later. */
function watchStream(command: Command, caller: Context): () => number | undefined {
  let rows: number | undefined;
  function watch(): void {
    if (command.inStream === undefined) return;
    rows = 0;
    bindEvents(command.inStream, caller);
    override<Method>(command, 'handleNewRows', (original) => (row) => {
      rows = (rows ?? 0) + 1;
      return original.call(command, row);
    });
  }
  watch();
  override<Method>(command, '_stream', (original) => (...args) => {
    const stream = original.apply(command, args);
    watch();
    return stream;
  });
  return () => rows;
}

function bindEvents(emitter: object, caller: Context): void {
  override<Method>(emitter, 'emit', (original) => (...args) => {
    return runIn(caller, () => original.apply(emitter, args));
  });
}

const poolReader: PoolReader<Pool> = {
  target: poolTarget,
  state(pool) {
    if (pool.closed) return undefined;
    return {
      idle: pool.idleConnections(),
      used: pool.activeConnections(),
      pending: pool.taskQueueSize(),
      limit: pool.opts.connectionLimit,
      idleMin: pool.opts.minimumIdle,
    };
  },
  isTimeout: (error) => error?.code === 'ER_GET_CONNECTION_TIMEOUT',
};

function patchPool(prototype: object, database: Database, pools: PoolSensor<Pool>): (() => void)[] {
  const create = (original: Method): Method =>
    forNobody(function (this: Pool, made: Method, ...rest) {
      const follower = pools.makes(this);
      const done: Method = (...results) => {
        follower.got(undefined);
        return made(...results);
      };
      return original.call(this, done, ...rest);
    });
  const release = (original: Method): Method =>
    forNobody(function (this: Pool, connection, ...rest) {
      pools.returned(this, connection);
      return original.call(this, connection, ...rest);
    });
  const opening = { database, target: poolTarget, fault: faultOf, follow: pools.asks };
  return [
    override<Method>(prototype, 'getConnection', openedByNobody(opening)),
    override<Method>(prototype, '_createPoolConnection', create),
    override<Method>(prototype, 'release', release),
  ];
}

/** Rows have their description for a property; with `metaAsArray`, as the callback face has it, it stands beside. */
function rowsOf(result: unknown): number | undefined {
  if (!Array.isArray(result)) return undefined;
  if (isRows(result)) return result.length;
  if (result.some(isRows)) return totalRows(result.map(rowsOf));
  const [rows, columns] = result;
  if (!Array.isArray(rows) || !Array.isArray(columns)) return undefined;
  const isOne = columns.every((each) => each && !Array.isArray(each));
  return isOne ? rows.length : totalRows(rows.map((each, at) => (columns[at] ? each?.length : undefined)));
}

const isRows = (result: unknown): boolean => Array.isArray(result) && Object.hasOwn(result, 'meta');

/** What the server answered has a number below those of the driver's own errors. Every message quotes the statement. */
function faultOf(error: unknown): DatabaseFault {
  const { code, errno, name } = (error ?? {}) as Record<string, unknown>;
  const type = typeof code === 'string' && code !== '' ? code : typeof name === 'string' ? name : '_OTHER';
  const answered = typeof errno === 'number' && errno > 0 && (errno < 45_000 || errno >= 46_000);
  return answered ? { type, statusCode: String(errno) } : { type };
}
