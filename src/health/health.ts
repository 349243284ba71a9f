/** What an orchestrator asks of a service: alive, ready. All of it is read when the app first speaks of it. */
import type { Server } from 'node:http';
import { load } from '../load.ts';
import type { PoolKind } from '../pools.ts';

/**
 * Whether what it stands for works. It does, unless this throws, rejects, takes longer than `timeout`, or gives `false`
 * or another value that stands for nothing (`null`, `0`, `''`, `NaN`, an error, a function). `signal` aborts when
 * nobody waits any more.
 */
export type CheckFunction = (asked: { readonly signal: AbortSignal }) => unknown;

export interface CheckOptions {
  /** Milliseconds after which it counts as down; 1,000 by default. */
  readonly timeout?: number;
  /** Milliseconds for which an answer is given again; 1,000 by default, 0 asks each time. */
  readonly cacheMs?: number;
  /** Whether the service is not ready without it; `true` by default. */
  readonly critical?: boolean;
}

/** `django` adds `/health` with `{"status":"healthy","checks":{...}}` (A56). */
export type HealthShape = 'plain' | 'django';

export interface HealthShapeOptions {
  /** As configured (`health.shape`, `plain`) where nothing is said. */
  readonly shape?: HealthShape;
}

export interface HealthServeOptions extends HealthShapeOptions {
  /** Any free one where nothing is said. */
  readonly port?: number;
  /** `127.0.0.1` by default, which a kubelet does not reach: `0.0.0.0` in a pod. */
  readonly host?: string;
}

export interface HealthServer {
  /** 0 until it listens, and where the port could not be had: that is one line, never an error. */
  readonly port: number;
  /** Settled either way. */
  readonly ready: Promise<void>;
  close(): void;
}

/**
 * Answers to probes, without a span, a metric or an access line (`SONDE_IGNORE_PATHS`):
 *
 * - `/healthz`, `/livez`: 200 `{"status":"ok"}`, whatever is down.
 * - `/readyz`: 200 `{"status":"ready","db":"ok"}` or 503 `{"status":"not_ready","db":"down"}` with all checks by name;
 *   during shutdown 503 `{"status":"not_ready"}`, and no check is asked. Exporters have no part in it. (A44, A54, A55)
 *
 * With or without a slash at the end; GET and HEAD only. Logger `sonde.health` tells when a check goes down, and when it is up again.
 */
export interface Health {
  /**
   * Adds a check, in place of one of the same name. A kind of pool stands for all of it that Sonde sees in use; a pool
   * or client of such a kind is asked by itself, and not kept alive. Gives back a function that takes the check away.
   * @example
   * health.check('db', () => pool.query('SELECT 1'));
   * health.check('cache', 'redis', { critical: false });
   */
  check(name: string, check: CheckFunction | PoolKind | object, options?: CheckOptions): () => void;
  /**
   * Answers on the app's own HTTP server, in front of whatever framework runs there; all other paths are the app's.
   * Gives back a function that takes the answers off again.
   * @example health.mount(app.listen(3000));
   */
  mount(server: Server, options?: HealthShapeOptions): () => void;
  /**
   * Answers on a port of its own, which holds no process.
   * @example health.serve({ port: 8081, host: '0.0.0.0' });
   */
  serve(options?: HealthServeOptions): HealthServer;
  /**
   * How many database migrations wait, as gauge `sonde.migrations.pending`; asked at each collection, 5 s at most. (A58)
   * @param pending gives a number, or a list of what waits
   * @example health.migrations(async () => (await knex.migrate.list())[1]);
   */
  migrations(pending: () => unknown): void;
}

type Part = typeof import('./probes.ts');
const part = () => load<Part>('health');

export const health: Health = {
  check: (...given) => part().addCheck(...given),
  mount: (...given) => part().mountHealth(...given),
  serve: (...given) => part().serveHealth(...given),
  migrations: (pending) => part().countMigrations(pending),
};
