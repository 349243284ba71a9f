/**
 * What the conventions measure of a pool of connections: its state, asked for at each collection, and how long it took
 * to make, to get and to give back a connection. Who has to wait long because all are lent out is a finding. Nothing
 * here keeps a pool or a connection alive.
 */
import { type BatchObservableResult, type Context, type Observable, trace } from '@opentelemetry/api';
import type { Sensors } from '../src/instrumentation.ts';
import { tellFinding } from '../src/logs/finding.ts';
import { type BoundRecorder, boundTo } from '../src/metrics/bound.ts';
import { type AskedAt, askedHere, placeOf } from './asked-at.ts';
import type { Follower } from './connection.ts';
import { buckets, type DatabaseTarget } from './database.ts';

/** A pool as it is now. A limit that there is not is left out. */
export interface PoolState {
  readonly idle: number;
  readonly used: number;
  /** Who waits for a connection. */
  readonly pending: number;
  readonly limit?: number;
  readonly idleMax?: number;
  readonly idleMin?: number;
}

/** How one driver's pools are read. */
export interface PoolReader<P extends object> {
  target(pool: P): DatabaseTarget;
  /** `undefined` of a pool that is closed. */
  state(pool: P): PoolState | undefined;
  /** Whether the error says that it took too long to get a connection. */
  isTimeout(error: any): boolean;
}

export interface PoolSensor<P extends object> {
  /** A connection is asked for; to be called in the asking call. */
  asks(pool: P, caller: Context): Follower;
  /** A connection is made for the pool. */
  makes(pool: P): Follower;
  /** The app gives a connection back. */
  returned(pool: P, connection: object): void;
  stop(): void;
}

/** What is the same for every connection of one pool. */
interface Series {
  readonly name: string;
  readonly attributes: { readonly 'db.client.connection.pool.name': string };
  readonly wait: BoundRecorder;
  readonly use: BoundRecorder;
  readonly create: BoundRecorder;
}

/** The skeleton of pool metrics for one database instrumentation. */
export function poolSensor<P extends object>(
  { meter, config }: Sensors,
  reader: PoolReader<P>,
): PoolSensor<P> {
  const { poolWaitMillis } = config.db;
  const time = (name: string, description: string) =>
    meter.createHistogram(`db.client.connection.${name}`, {
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: buckets },
    });
  const create = time('create_time', 'The time it took to create a new connection.');
  const wait = time('wait_time', 'The time it took to obtain an open connection from the pool.');
  const use = time('use_time', 'The time between borrowing a connection and returning it to the pool.');
  const timeouts = meter.createCounter('db.client.connection.timeouts', {
    unit: '{timeout}',
    description: 'The number of connection timeouts that have occurred trying to obtain a connection.',
  });
  const exhausted = meter.createCounter('sonde.db.pool_waits', {
    description: 'Waits for a connection of a pool that had none left, longer than the threshold.',
  });

  const known = new WeakMap<P, Series>();
  const pools = new Set<WeakRef<P>>();
  const lent = new WeakMap<object, number>();
  const stop = observePools(meter, pools, (pool) => {
    const state = reader.state(pool);
    return state && { state, series: seriesOf(pool) };
  });

  function seriesOf(pool: P): Series {
    const found = known.get(pool);
    if (found !== undefined) return found;
    const name = poolName(reader.target(pool));
    const attributes = { 'db.client.connection.pool.name': name };
    const series = {
      name,
      attributes,
      wait: boundTo(wait, attributes),
      use: boundTo(use, attributes),
      create: boundTo(create, attributes),
    };
    known.set(pool, series);
    pools.add(new WeakRef(pool));
    return series;
  }

  function tellWait({ name, attributes }: Series, wanted: Wanted, millis: number, context: Context): void {
    exhausted.add(1, attributes);
    const threshold = { 'sonde.pool_wait.threshold_ms': poolWaitMillis };
    trace.getSpan(context)?.addEvent('sonde.pool_wait', { ...attributes, ...threshold });
    const { used, limit, pending } = wanted.state;
    const message = `Pool exhausted: waited ${Math.round(millis)} ms for a connection of ${name}`;
    tellFinding(`pool ${name}`, {
      logger: 'sonde.db',
      message: `${message} (${used} of ${limit ?? used} in use, ${pending} waiting before)`,
      fields: attributes,
      context,
      site: () => placeOf(wanted.site),
    });
  }

  return {
    asks(pool, caller) {
      const wanted = poolWaitMillis > 0 ? wantedOf(reader.state(pool)) : undefined;
      const start = performance.now();
      const waited = (series: Series): number => {
        const millis = performance.now() - start;
        if (wanted !== undefined && millis >= poolWaitMillis) tellWait(series, wanted, millis, caller);
        return millis;
      };
      return {
        got(connection) {
          const series = seriesOf(pool);
          series.wait.record(waited(series) / 1000, caller);
          if (Object(connection) === connection) lent.set(connection as object, performance.now());
        },
        refused(error) {
          const series = seriesOf(pool);
          waited(series);
          if (reader.isTimeout(error)) timeouts.add(1, series.attributes);
        },
      };
    },

    makes(pool) {
      const { create } = seriesOf(pool);
      const start = performance.now();
      return { got: () => create.record((performance.now() - start) / 1000), refused: () => {} };
    },

    returned(pool, connection) {
      const since = lent.get(connection);
      if (since === undefined) return;
      lent.delete(connection);
      seriesOf(pool).use.record((performance.now() - since) / 1000);
    },

    stop,
  };
}

/** A connection that somebody wants of a pool that has none left. */
interface Wanted {
  readonly state: PoolState;
  readonly site: AskedAt;
}

function wantedOf(state: PoolState | undefined): Wanted | undefined {
  if (state === undefined || state.idle > 0) return undefined;
  const isFull = state.limit !== undefined && state.used >= state.limit;
  return isFull || state.pending > 0 ? { state, site: askedHere() } : undefined;
}

/** The conventions' name for a pool that has none of its own. */
export function poolName({ system, namespace, address, port }: DatabaseTarget): string {
  if (namespace !== undefined && namespace !== '') return namespace;
  if (address === undefined) return system;
  const host = address.includes(':') && port !== undefined ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

interface Seen {
  readonly state: PoolState;
  readonly series: Series;
}

/** Asks each pool that is still there at each collection; the returned function ends it. */
function observePools<P extends object>(
  meter: Sensors['meter'],
  pools: Set<WeakRef<P>>,
  look: (pool: P) => Seen | undefined,
): () => void {
  const gauge = (name: string, unit: string, description: string): Observable =>
    meter.createObservableUpDownCounter(`db.client.connection.${name}`, { unit, description });
  const perConnection = '{connection}';
  const count = gauge('count', perConnection, 'The number of connections in the state.');
  const limits: readonly (readonly [Observable, 'limit' | 'idleMax' | 'idleMin' | 'pending'])[] = [
    [gauge('limit', perConnection, 'The maximum number of open connections allowed.'), 'limit'],
    [gauge('idle.max', perConnection, 'The maximum number of idle open connections allowed.'), 'idleMax'],
    [gauge('idle.min', perConnection, 'The minimum number of idle open connections allowed.'), 'idleMin'],
    [gauge('pending_requests', '{request}', 'The number of requests that wait for a connection.'), 'pending'],
  ];
  const all = [count, ...limits.map(([observable]) => observable)];

  function observe(result: BatchObservableResult): void {
    for (const { state, series } of lookAtAll(pools, look)) {
      for (const name of ['idle', 'used'] as const)
        result.observe(count, state[name], { ...series.attributes, 'db.client.connection.state': name });
      for (const [observable, name] of limits) {
        const value = state[name];
        if (value !== undefined) result.observe(observable, value, series.attributes);
      }
    }
  }

  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}

/** Forgets on its way what is closed or gone. */
function* lookAtAll<P extends object>(
  pools: Set<WeakRef<P>>,
  look: (pool: P) => Seen | undefined,
): Iterable<Seen> {
  for (const reference of pools) {
    const pool = reference.deref();
    const seen = pool && look(pool);
    if (seen === undefined) pools.delete(reference);
    else yield seen;
  }
}
