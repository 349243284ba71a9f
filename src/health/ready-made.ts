/** Checks for the pools and clients that Sonde knows: the cheapest question each of them answers. */
import { types } from 'node:util';
import { diagnostics } from '../diagnostics.ts';
import { type PoolKind, poolKinds, poolsOf } from '../pools.ts';
import { nameText } from '../processing/name-text.ts';
import type { CheckFunction } from './health.ts';

type Ask = (pool: any) => unknown;

/** By kind, and by shape where the app gives the pool itself. */
const asks: Readonly<Record<PoolKind, Ask>> = {
  pg: (pool) => pool.query('SELECT 1'),
  mysql2: (pool) => askMysql(pool),
  redis: (client) => client.ping(),
  ioredis: (client) => client.ping(),
  mongodb: (client) => client.db('admin').command({ ping: 1 }),
};

/** Pools of mysql and mysql2 want a callback; those of mysql2/promise wrap one, those of mariadb give a promise. */
function askMysql(pool: any): Promise<unknown> {
  const plain = [pool.pool, pool.connection].find((inner) => typeof inner?.query === 'function') ?? pool;
  return new Promise((resolve, reject) => {
    const done = (error: unknown) => (error ? reject(error) : resolve(undefined));
    const promise = plain.query('SELECT 1', done);
    if (types.isPromise(promise)) resolve(promise);
  });
}

function isKind(given: unknown): given is PoolKind {
  return poolKinds.includes(given as PoolKind);
}

/** What is asked for the check; a mistake is a check that says so, since a typo must not look healthy. */
export function functionOf(name: string, given: unknown): CheckFunction {
  if (typeof given === 'function') return given as CheckFunction;
  if (isKind(given)) return () => askAll(name, given);
  if (typeof given === 'object' && given !== null) return askReadable(given);
  const kinds = poolKinds.join(', ');
  return mistaken(
    `${typeof given === 'string' ? JSON.stringify(given) : nameText(given)} is neither a function nor a pool nor one of ${kinds}`,
  );
}

/** A client that throws at every touch must not throw at whoever names it. */
function askReadable(given: object): CheckFunction {
  try {
    return askPool(given);
  } catch {
    return mistaken('what was given for the check cannot be read');
  }
}

function mistaken(why: string): CheckFunction {
  return () => {
    throw new TypeError(why);
  };
}

/**
 * Each server that a pool in use leads to has to answer, through one pool at least: a Redis client that waits in a
 * blocking command answers nobody. A pool that nobody has used cannot have failed, and were it down here, the first
 * request that uses it would never come.
 */
async function askAll(name: string, kind: PoolKind): Promise<void> {
  const servers = Map.groupBy(
    poolsOf(kind).filter((pool) => !isClosed(pool)),
    serverOf,
  );
  if (servers.size === 0)
    diagnostics.infoOnce(
      `health ${name}`,
      `Health check ${name}: Sonde has seen no ${kind} pool in use yet; it counts as ok until then.`,
    );
  await Promise.all([...servers.values()].map((pools) => askOne(asks[kind], pools)));
}

async function askOne(ask: Ask, pools: readonly object[]): Promise<unknown> {
  try {
    return await Promise.any(pools.map(async (pool) => ask(pool)));
  } catch (error) {
    throw (error as AggregateError).errors[0];
  }
}

/** By the app itself: what it has put away is no part of its health. */
function isClosed(pool: any): boolean {
  return Boolean(pool.ending || pool.ended || pool._closed || pool.status === 'end' || pool.isOpen === false);
}

/** What tells one server from another; never shown. */
function serverOf(pool: any): string {
  const { host, port, path, socket, connectionString, database } =
    pool.options ?? pool.config?.connectionConfig ?? {};
  return JSON.stringify([
    host,
    port,
    path,
    socket?.host,
    socket?.port,
    socket?.path,
    connectionString,
    database,
  ]);
}

function askPool(pool: object): CheckFunction {
  const reference = new WeakRef(pool);
  const kind = kindOf(pool);
  if (kind === undefined) return mistaken('the object has neither query() nor ping() nor db()');
  return () => {
    const living = reference.deref();
    if (living === undefined) throw new Error('the pool is gone');
    return asks[kind](living);
  };
}

/** Clients that close their connections count among pools of their kind. */
function kindOf(pool: any): PoolKind | undefined {
  if (typeof pool.ping === 'function' && typeof pool.query !== 'function') return 'redis';
  if (typeof pool.db === 'function') return 'mongodb';
  if (typeof pool.query !== 'function') return undefined;
  return isMysql(pool) ? 'mysql2' : 'pg';
}

function isMysql(pool: any): boolean {
  return typeof pool.getConnection === 'function' || typeof pool.ping === 'function';
}
