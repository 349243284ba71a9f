/** node-redis: one span per command, one per pipeline or transaction, through clients, pools and clusters. */
import { activeContext, bindTo, rootContext } from '../src/context/context.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { type Method, openedByNobody } from './connection.ts';
import { poolSensor } from './connection-pool.ts';
import { type Database, type DatabaseTarget, databaseSensor } from './database.ts';
import { rememberedTarget, serverTarget } from './database-target.ts';
import { loadedExports } from './loaded-modules.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import {
  type BatchKind,
  cacheCounter,
  clusterOpening,
  endBatch,
  faultOf,
  readBatch,
  readCommand,
  system,
} from './redis-command.ts';
import { settled } from './settled.ts';

/** What is read of a client. */
interface Client {
  /** A client with its own command options inherits from the one that it is a face of. */
  readonly _self?: Client;
  readonly options?: {
    readonly database?: number;
    readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string };
  };
}

const defaultPort = 6379;

/** Redis by `redis` (`@redis/client`) 5 and 6, CommonJS and ES modules alike. */
export function redis(): Instrumentation {
  const done = patches();

  return {
    name: 'redis',
    modules: ['@redis/client'],
    patch(_exports, _specifier, sensors) {
      const database = databaseSensor(sensors);
      for (const prototype of classes('cluster/index', 'default'))
        done.once(prototype, () => [
          override<Method>(prototype, 'connect', openedByNobody({ ...clusterOpening, database })),
        ]);
      for (const prototype of classes('client/index', 'default'))
        done.once(prototype, () => patchClient(prototype, database, sensors));
      for (const prototype of classes('client/pool', 'RedisClientPool'))
        done.once(prototype, () => patchPool(prototype, sensors));
    },
    disable: done.undo,
  };
}

/** Version 5 does not export its classes, and both versions make heirs of them: the files have the ones that work. */
function classes(file: string, name: string): object[] {
  const path = new RegExp(`[\\\\/]@redis[\\\\/]client[\\\\/]dist[\\\\/]lib[\\\\/]${file}\\.js$`);
  return loadedExports(path).flatMap((exports) => exports[name]?.prototype ?? []);
}

/** What a client has selected since it was made. */
const selected = new WeakMap<Client, string>();

const ownerTarget = rememberedTarget(
  (owner: Client) => selected.get(owner) ?? String(owner.options?.database ?? 0),
  ({ options }, namespace) => {
    const { host = 'localhost', port, path } = options?.socket ?? {};
    return serverTarget({ system, namespace, host, port, socketPath: path }, defaultPort);
  },
);

const ownerOf = (client: Client): Client => client._self ?? client;

const targetOf = (client: Client): DatabaseTarget => ownerTarget(ownerOf(client));

/** What a cluster asks by itself, when it is opened and from time to time. */
function isClusters(args: readonly unknown[] | undefined): boolean {
  return args?.[0] === 'CLUSTER' && args[1] === 'SLOTS' && activeContext() === rootContext;
}

function patchClient(prototype: object, database: Database, { meter }: Sensors): (() => void)[] {
  const count = cacheCounter(meter);
  const sendCommand = (original: Method): Method =>
    function (this: Client, args, ...rest) {
      if (isClusters(args)) return original.call(this, args, ...rest);
      const statement = readCommand(args?.[0], (args?.length ?? 1) - 1);
      const call = database.start(targetOf(this), statement);
      const answer = original.call(this, args, ...rest);
      if (call === undefined) return answer;
      return settled(
        answer,
        (value) => {
          if (statement.operation === 'SELECT') selected.set(ownerOf(this), String(args[1]));
          count(statement.operation, value);
          call.end();
        },
        (error) => call.fail(faultOf(error)),
      );
    };

  const batch =
    (kind: BatchKind) =>
    (original: Method): Method =>
      function (this: Client, commands, selects, ...rest) {
        const names = commands?.map(({ args }: { args?: unknown[] }) => args?.[0]) ?? [];
        const statement = readBatch(kind, names);
        const call = database.start(targetOf(this), statement, activeContext(), names.length);
        const answer = original.call(this, commands, selects, ...rest);
        if (call === undefined) return answer;
        return settled(
          answer,
          (answers: any) => {
            if (selects !== undefined) selected.set(ownerOf(this), String(selects));
            endBatch(call, answers);
          },
          (error) => call.fail(faultOf(error)),
        );
      };

  /** Also of a pool's client that comes back with another database than it went with. */
  const reset = (original: Method): Method =>
    function (this: Client, ...args) {
      selected.delete(ownerOf(this));
      return original.apply(this, args);
    };

  return [
    override<Method>(prototype, 'sendCommand', sendCommand),
    override<Method>(prototype, 'reset', reset),
    override<Method>(prototype, '_executePipeline', batch('PIPELINE')),
    override<Method>(prototype, '_executeMulti', batch('MULTI')),
    override<Method>(
      prototype,
      'connect',
      openedByNobody({ database, pool: 'redis', target: targetOf, fault: faultOf }),
    ),
  ];
}

/** What is read of a pool. */
interface Pool {
  readonly _self: Pool;
  readonly isOpen: boolean;
  readonly idleClients: number;
  readonly clientsInUse: number;
  readonly tasksQueueLength: number;
}

/** A task that had to wait for a client is started by whoever gives one back. */
function patchPool(prototype: object, sensors: Sensors): (() => void)[] {
  /** A pool does not say where its clients connect to; the first one that it lends does. */
  const places = new WeakMap<Pool, DatabaseTarget>();
  const pools = poolSensor<Pool>(sensors, {
    target: (pool) => places.get(pool) ?? { system },
    state({ isOpen, idleClients, clientsInUse, tasksQueueLength }) {
      return isOpen ? { idle: idleClients, used: clientsInUse, pending: tasksQueueLength } : undefined;
    },
    isTimeout: (error) => error?.constructor?.name === 'TimeoutError',
  });

  const execute = (original: Method): Method =>
    function (this: Pool, task, ...rest) {
      if (typeof task !== 'function') return original.call(this, task, ...rest);
      const pool = this._self;
      const caller = activeContext();
      const loan = pools.asks(pool, caller);
      let lent = false;
      const ask = bindTo(caller, (client: Client, ...more: unknown[]) => {
        lent = true;
        places.set(pool, targetOf(client));
        loan.got(client);
        const back = () => pools.returned(pool, client);
        const answer = task(client, ...more);
        if (typeof answer?.then !== 'function') back();
        return settled(answer, back, back);
      });
      const refused = (error: unknown) => {
        if (!lent && places.has(pool)) loan.refused(error);
      };
      return settled(original.call(this, ask, ...rest), () => {}, refused);
    };
  return [override<Method>(prototype, 'execute', execute), pools.stop];
}
