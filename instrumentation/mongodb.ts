/** The MongoDB driver: one span per command that the app asks for. Filters and documents stay in the process. */
import { activeContext } from '../src/context/context.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { notePool } from '../src/pools.ts';
import type { SqlStatement } from '../src/processing/sql.ts';
import { forNobody, type Method } from './connection.ts';
import { type PoolReader, poolSensor } from './connection-pool.ts';
import { type Database, type DatabaseFault, type DatabaseTarget, databaseSensor } from './database.ts';
import { loadedExports } from './loaded-modules.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import { settled } from './settled.ts';

/** What is read of a connection. */
interface Connection {
  /** `host:port`, or the path of a socket. */
  readonly address?: string;
}

const system = 'mongodb';
const defaultPort = 27017;

/** MongoDB by `mongodb` 6 and 7, and what is built on it (mongoose), CommonJS and ES modules alike. */
export function mongodb(): Instrumentation {
  const done = patches();

  return {
    name: 'mongodb',
    modules: ['mongodb'],
    patch(exports, _specifier, sensors) {
      const database = databaseSensor(sensors);
      for (const prototype of classes('connection', 'Connection'))
        done.once(prototype, () => [override<Method>(prototype, 'command', commandWith(database))]);
      for (const prototype of classes('connection_pool', 'ConnectionPool'))
        done.once(prototype, () => patchPool(prototype, sensors));
      done.once(exports.MongoClient.prototype, (prototype) => [
        override<Method>(prototype, 'connect', connecting),
      ]);
    },
    disable: done.undo,
  };
}

/** Every command goes through a class that the driver does not export. */
function classes(file: string, name: string): object[] {
  const path = new RegExp(`[\\\\/]mongodb[\\\\/]lib[\\\\/]cmap[\\\\/]${file}\\.js$`);
  return loadedExports(path).flatMap((exports) => exports[name]?.prototype ?? []);
}

/** What is read of a pool. */
interface Pool extends Connection {
  readonly options: { readonly maxPoolSize: number; readonly minPoolSize: number };
  readonly closed: boolean;
  readonly availableConnectionCount: number;
  readonly pendingConnectionCount: number;
  readonly currentCheckedOutCount: number;
  readonly waitQueueSize: number;
}

const poolReader: PoolReader<Pool> = {
  target: (pool) => targetOf(pool, undefined),
  state(pool) {
    if (pool.closed) return undefined;
    const { maxPoolSize, minPoolSize } = pool.options;
    return {
      idle: pool.availableConnectionCount,
      used: pool.currentCheckedOutCount + pool.pendingConnectionCount,
      pending: pool.waitQueueSize,
      limit: maxPoolSize || undefined,
      idleMin: minPoolSize,
    };
  },
  isTimeout: (error) => [error, error?.cause].some((each) => each?.name === 'MongoWaitQueueTimeoutError'),
};

/** Connections are opened while somebody waits for one, and told of by events: both belong to nobody. */
function patchPool(prototype: object, sensors: Sensors): (() => void)[] {
  const pools = poolSensor(sensors, poolReader);
  const checkOut = (original: Method): Method =>
    function (this: Pool, ...args) {
      const loan = pools.asks(this, activeContext());
      return settled(original.apply(this, args), loan.got, loan.refused);
    };
  const create = (original: Method): Method =>
    forNobody(function (this: Pool, callback, ...rest) {
      const follower = pools.makes(this);
      const made: Method = (error, ...results) => {
        if (!error) follower.got(undefined);
        return callback(error, ...results);
      };
      return original.call(this, made, ...rest);
    });
  const checkIn = (original: Method): Method =>
    forNobody(function (this: Pool, connection, ...rest) {
      pools.returned(this, connection);
      return original.call(this, connection, ...rest);
    });
  return [
    override<Method>(prototype, 'checkOut', checkOut),
    override<Method>(prototype, 'createConnection', create),
    override<Method>(prototype, 'processWaitQueue', forNobody),
    override<Method>(prototype, 'checkIn', checkIn),
    pools.stop,
  ];
}

/** The driver's own words. */
const silent = new Set([
  'hello',
  'ismaster',
  'isMaster',
  'saslStart',
  'saslContinue',
  'authenticate',
  'endSessions',
]);

/** Monitors and pools of the client are nobody's; health checks may ask it. */
function connecting(original: Method): Method {
  const connect = forNobody(original);
  return function (this: object, ...args) {
    notePool('mongodb', this);
    return connect.apply(this, args);
  };
}

function commandWith(database: Database): (original: Method) => Method {
  return (original) =>
    function (this: Connection, namespace, command, ...rest) {
      const [operation] = Object.keys(command ?? {});
      if (operation === undefined || silent.has(operation))
        return original.call(this, namespace, command, ...rest);
      const target = targetOf(this, namespace?.db);
      const statement = statementOf(operation, command);
      const call = database.start(target, statement, activeContext(), sizeOf(command));
      const answer = original.call(this, namespace, command, ...rest);
      if (call === undefined) return answer;
      return settled(
        answer,
        (reply) => {
          const refused = refusedBy(reply);
          if (refused === undefined) call.end(rowsOf(reply));
          else call.fail(refused);
        },
        (error) => call.fail(faultOf(error)),
      );
    };
}

/** By address and name: a connection serves every database of its server. */
const targets = new Map<string, DatabaseTarget>();
const mostTargets = 200;

function targetOf({ address }: Connection, namespace: unknown): DatabaseTarget {
  const name = typeof namespace === 'string' && namespace !== '' ? namespace : undefined;
  const key = `${address} ${name}`;
  const known = targets.get(key);
  if (known !== undefined) return known;
  const [, host = address, port] = /^(.*):(\d+)$/.exec(address ?? '') ?? [];
  const target = {
    system,
    namespace: name,
    address: host,
    port: Number(port ?? defaultPort) === defaultPort ? undefined : Number(port),
  };
  if (targets.size < mostTargets) targets.set(key, target);
  return target;
}

const statements = new Map<string, SqlStatement>();
const mostStatements = 1_000;
const longestName = 128;

/** Those whose first value is a collection; of others it is a user, a parameter or whatever else stays here. */
const ofCollections = new Set([
  ...['find', 'aggregate', 'count', 'distinct', 'insert', 'update', 'delete', 'findAndModify', 'mapReduce'],
  ...['create', 'drop', 'createIndexes', 'dropIndexes', 'listIndexes', 'reIndex', 'collMod', 'collStats'],
  ...['validate', 'compact', 'killCursors', 'createSearchIndexes', 'updateSearchIndex', 'dropSearchIndex'],
]);

function collectionOf(operation: string, command: Record<string, unknown>): string | undefined {
  const isKnown = ofCollections.has(operation);
  const named = operation === 'getMore' ? command.collection : isKnown ? command[operation] : undefined;
  return typeof named === 'string' && named.length <= longestName ? named : undefined;
}

/** `find orders`: what is asked of what. */
function statementOf(operation: string, command: Record<string, unknown>): SqlStatement {
  const collection = collectionOf(operation, command);
  const summary = collection === undefined ? operation : `${operation} ${collection}`;
  const known = statements.get(summary);
  if (known !== undefined) return known;
  const statement = { text: '', operation, collection, summary };
  if (statements.size < mostStatements) statements.set(summary, statement);
  return statement;
}

/** How many writes one command asks for; in newer drivers they are a part of their own on the wire. */
function sizeOf({ documents, updates, deletes }: Record<string, any>): number | undefined {
  const writes = documents ?? updates ?? deletes;
  const list = Array.isArray(writes) ? writes : writes?.documents;
  return Array.isArray(list) ? list.length : undefined;
}

/** Writes that were refused one by one are part of an answer that is no error. */
function refusedBy(reply: any): DatabaseFault | undefined {
  // The driver reads an answer's parts when somebody asks for them.
  const read = reply?.has?.('writeErrors') === true ? reply.toObject() : reply;
  const [first] = Array.isArray(read?.writeErrors) ? read.writeErrors : [];
  if (first === undefined) return undefined;
  const code = String(first.code ?? '_OTHER');
  return { type: code, statusCode: code };
}

function rowsOf(reply: any): number | undefined {
  const size = reply?.batchSize ?? reply?.cursor?.firstBatch?.length ?? reply?.cursor?.nextBatch?.length;
  return typeof size === 'number' ? size : undefined;
}

/** What the server answered has a number; its message may quote values of the app, a network error's does not. */
function faultOf(error: unknown): DatabaseFault {
  const { code, codeName, name, message } = (error ?? {}) as Record<string, unknown>;
  if (typeof code === 'number') {
    const type = typeof codeName === 'string' && codeName !== '' ? codeName : String(code);
    return { type, statusCode: String(code) };
  }
  const type = typeof name === 'string' ? name : '_OTHER';
  return { type, message: typeof message === 'string' ? message : undefined };
}
