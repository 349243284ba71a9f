/** ioredis and iovalkey: one span per command, one per pipeline or transaction, on single servers and clusters. */
import { activeContext, bindTo, rootContext, runIn } from '../src/context/context.ts';
import { suppressed } from '../src/context/suppression.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { type Method, openedByNobody } from './connection.ts';
import { type Database, type DatabaseCall, databaseSensor } from './database.ts';
import { rememberedTarget, serverTarget } from './database-target.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import {
  cacheCounter,
  clusterOpening,
  endBatch,
  faultOf,
  readBatch,
  readCommand,
  system,
} from './redis-command.ts';

/** What is read of a client. */
interface Client {
  readonly status?: string;
  readonly condition?: { readonly select?: number };
  readonly options?: {
    readonly host?: string;
    readonly port?: number;
    readonly path?: string;
    readonly db?: number;
    readonly connectionName?: string | null;
    readonly sentinels?: readonly object[] | null;
  };
  readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number };
}

/** On what is followed: a command passes more than once, from the queue of a client that was not connected, and by redirections. */
const met = Symbol('sonde.met');

/** What tells a command's end: its client calls one of the two, whether it has a callback or a promise. */
interface Settling {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  [met]?: boolean;
}

interface Command extends Settling {
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Pipeline extends Settling {
  readonly redis: Client;
  readonly _queue: readonly Command[];
  /** More than 0: `exec` only adds the command that ends the transaction. */
  readonly _transactions: number;
}

const defaultPort = 6379;

/** Redis by `ioredis` 5 and 6, Valkey by `iovalkey` 0, CommonJS and ES modules alike. */
export function ioredis(): Instrumentation {
  const done = patches();
  return {
    name: 'ioredis',
    modules: ['ioredis', 'iovalkey'],
    patch(exports, _specifier, sensors) {
      const database = databaseSensor(sensors);
      done.once(exports.Redis.prototype, (prototype) => patchClient(prototype, database, sensors));
      done.once(exports.Cluster.prototype, (prototype) => [
        override<Method>(prototype, 'connect', openedByNobody({ ...clusterOpening, database })),
        override<Method>(prototype, 'readyCheck', unseen),
      ]);
      done.once(exports.Pipeline.prototype, (prototype) => patchPipeline(prototype, database));
    },
    disable: done.undo,
  };
}

const namespaceOf = ({ condition, options }: Client): string => String(condition?.select ?? options?.db ?? 0);

/** A client of sentinels goes wherever the master is: the options say nothing of it, the socket does. */
const masterOf = ({ options, stream }: Client) => (options?.sentinels ? (stream ?? {}) : undefined);

const targetOf = rememberedTarget(
  (client: Client) => {
    const master = masterOf(client);
    const namespace = namespaceOf(client);
    return master ? `${namespace} ${master.remoteAddress} ${master.remotePort}` : namespace;
  },
  (client) => {
    const master = masterOf(client);
    const { host = 'localhost', port, path } = client.options ?? {};
    const place = master
      ? { host: master.remoteAddress, port: master.remotePort }
      : { host, port, socketPath: path };
    return serverTarget({ system, namespace: namespaceOf(client), ...place }, defaultPort);
  },
);

const handshake = new Set(['info', 'auth', 'hello', 'select', 'client', 'readonly', 'ping']);

/** A connection by which a cluster asks from time to time which server has what. */
const refresher = 'ioredis-cluster(refresher)';

/** The client's own words: those of a refresher, and most of them while it connects. */
function isDriversOwn({ status, options }: Client, { name }: Command): boolean {
  if (options?.connectionName?.startsWith(refresher)) return true;
  return status === 'connect' && handshake.has(name) && activeContext() === rootContext;
}

/** A cluster asks by itself whether all is well. */
function unseen(original: Method): Method {
  return function (this: object, ...args) {
    const caller = activeContext();
    const bound = args.map((each) => (typeof each === 'function' ? bindTo(caller, each) : each));
    return runIn(suppressed(caller), () => original.apply(this, bound));
  };
}

function patchClient(prototype: object, database: Database, { meter }: Sensors): (() => void)[] {
  const count = cacheCounter(meter);
  const sendCommand = (original: Method): Method =>
    function (this: Client, command: Command, ...rest) {
      if (!command[met] && !isDriversOwn(this, command)) {
        command[met] = true;
        const statement = readCommand(command.name, command.args?.length ?? 0);
        const call = database.start(targetOf(this), statement);
        if (call !== undefined) follow(command, call, (value) => count(statement.operation, value));
      }
      return original.call(this, command, ...rest);
    };
  return [
    override<Method>(prototype, 'sendCommand', sendCommand),
    override<Method>(
      prototype,
      'connect',
      openedByNobody({ database, pool: 'ioredis', target: targetOf, fault: faultOf }),
    ),
  ];
}

function patchPipeline(prototype: object, database: Database): (() => void)[] {
  const exec = (original: Method): Method =>
    function (this: Pipeline, ...args) {
      if (!this[met] && this._transactions === 0) {
        this[met] = true;
        for (const command of this._queue) command[met] = true;
        const isMulti = this._queue[0]?.name === 'multi';
        const names = this._queue.map(({ name }) => name);
        const statement = isMulti ? readBatch('MULTI', names.slice(1, -1)) : readBatch('PIPELINE', names);
        const size = names.length - (isMulti ? 2 : 0);
        const call = database.start(targetOf(this.redis), statement, activeContext(), size);
        if (call !== undefined) follow(this, call, (answers) => endBatch(call, errorsIn(answers)));
      }
      return original.apply(this, args);
    };
  return [override<Method>(prototype, 'exec', exec)];
}

/** Each command's error, and those in the answer of a transaction, which is that of its last command. */
function errorsIn(answers: any): unknown[] {
  if (!Array.isArray(answers)) return [];
  const [, inner] = answers.at(-1) ?? [];
  return [...answers.map((answer) => answer?.[0]), ...(Array.isArray(inner) ? inner : [])];
}

/** Answers of a cluster that send the client elsewhere: the command is still on its way. */
const redirections = new Set(['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN']);

/** Its own two properties, that the client has just set: what `override` does would cost more than the span. */
function follow(settling: Settling, call: DatabaseCall, answered: (value: unknown) => void): void {
  const { resolve, reject } = settling;
  settling.resolve = function (this: unknown, value) {
    answered(value);
    call.end();
    return resolve.call(this, value);
  };
  settling.reject = function (this: unknown, error) {
    const fault = faultOf(error);
    if (!redirections.has(fault.type)) call.fail(fault);
    return reject.call(this, error);
  };
}
