/**
 * One scrape for all processes of `node:cluster` (A68): the primary asks its workers over their channel and adds up.
 * What a worker has counted stays when it dies; its states (gauges, requests under way) end with it.
 */
import type { Cluster, Worker } from 'node:cluster';
import { environment } from '../../src/config/env.ts';
import { mainScript } from '../../src/config/main-script.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import type { CollectedScope, Collection } from '../../src/metrics/collected.ts';
import { addUp, lasting } from './merge.ts';
import type { Gather, Scrape } from './scrape.ts';
import { joinSiblings, type Siblings } from './siblings.ts';

export interface Membership {
  /** Whether a primary serves a worker's metrics with its own: answered within a second. */
  readonly isServedByPrimary: Promise<boolean> | false;
  readonly gather: Gather;
  leave(): void;
}

/** What goes over the channel. An app that listens there sees it, too, and knows it by its name. */
interface Message {
  readonly sonde: 'metrics.hello' | 'metrics.welcome' | 'metrics.ask' | 'metrics.tell';
  readonly id?: number;
  readonly scopes?: readonly CollectedScope[];
}

/** A worker whose event loop is stuck is counted as it was when it last told. */
const longestWaitMillis = 1_000;

/** `scrape` is asked for later: it needs what is made here. */
export function joinCluster(scrape: () => Scrape): Membership {
  const cluster = process.getBuiltinModule('node:cluster') as unknown as Cluster;
  return cluster.worker === undefined ? primaryOf(cluster) : workerOf(scrape, cluster.worker);
}

function tell(message: Message): void {
  try {
    if (process.connected) process.send?.(message);
  } catch {
    // The primary is gone, and nobody asks any more.
  }
}

function workerOf(scrape: () => Scrape, worker: Worker): Membership {
  const welcome = Promise.withResolvers<boolean>();
  setTimeout(() => welcome.resolve(false), longestWaitMillis).unref();
  let siblings: Siblings | undefined;
  let hasLeft = false;
  const isServedByPrimary = welcome.promise.then((isServed) => {
    if (!isServed && !hasLeft) siblings = siblingsOf(scrape, worker);
    return isServed;
  });
  const onMessage = async (message: unknown) => {
    const { sonde, id } = (message ?? {}) as Partial<Message>;
    if (sonde === 'metrics.welcome') welcome.resolve(true);
    if (sonde !== 'metrics.ask') return;
    const { scopeMetrics } = await scrape().collect();
    tell({ sonde: 'metrics.tell', id, scopes: scopeMetrics });
  };
  const leave = () => {
    if (hasLeft) return;
    hasLeft = true;
    process.off('message', onMessage);
    process.off('exit', leave);
    const last = scrape().collectNow();
    tell({ sonde: 'metrics.tell', scopes: last });
    siblings?.leave(last);
  };
  process.on('message', onMessage);
  process.on('exit', leave);
  tell({ sonde: 'metrics.hello' });
  return {
    isServedByPrimary,
    gather: async (own) => {
      await isServedByPrimary;
      return siblings?.gather(own) ?? own;
    },
    leave,
  };
}

function siblingsOf(scrape: () => Scrape, worker: Worker): Siblings | undefined {
  try {
    const script = mainScript(environment()) ?? '';
    const collect = () => scrape().collect();
    return joinSiblings({ primary: process.ppid, script, worker: worker.id, collect });
  } catch (error) {
    const message = `Metrics of this worker are not added to those of others: ${String(error)}.`;
    diagnostics.warnOnce('siblings', 'SONDE_ERR_INTERNAL', message);
    return undefined;
  }
}

/** What is known of the workers, the living and the dead. */
class Workers {
  readonly #told = new Map<number, readonly CollectedScope[]>();
  readonly #waiting = new Map<number, () => void>();
  #dead: readonly CollectedScope[] = [];
  #asked = 0;

  onMessage(worker: Worker, message: unknown): void {
    const { sonde, id, scopes } = (message ?? {}) as Partial<Message>;
    if (sonde === 'metrics.hello')
      worker.send({ sonde: 'metrics.welcome' } satisfies Message, () => undefined);
    if (sonde !== 'metrics.tell' || !Array.isArray(scopes)) return;
    this.#told.set(worker.id, scopes);
    if (id !== undefined) this.#waiting.get(id)?.();
  }

  onExit(worker: Worker): void {
    const last = this.#told.get(worker.id);
    if (last === undefined) return;
    this.#told.delete(worker.id);
    this.#dead = addUp([{ scopes: this.#dead }, { scopes: lasting(last) }]);
  }

  async ask(workers: readonly Worker[]): Promise<void> {
    await Promise.all(workers.filter((worker) => worker.isConnected()).map((worker) => this.#ask(worker)));
  }

  #ask(worker: Worker): Promise<void> {
    const id = ++this.#asked;
    return new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(done, longestWaitMillis).unref();
      this.#waiting.set(id, done);
      worker.send({ sonde: 'metrics.ask', id } satisfies Message, (error) => error && done());
    });
  }

  all(): { scopes: readonly CollectedScope[]; worker?: number }[] {
    const living = [...this.#told].map(([worker, scopes]) => ({ scopes, worker }));
    return [...living, { scopes: this.#dead }];
  }
}

function primaryOf(cluster: Cluster): Membership {
  const workers = new Workers();
  const onMessage = (worker: Worker, message: unknown) => workers.onMessage(worker, message);
  // `disconnect` can come before the last message, `exit` before the channel is read to its end.
  const onExit = (worker: Worker) => setTimeout(() => workers.onExit(worker), 100).unref();
  cluster.on('message', onMessage);
  cluster.on('exit', onExit);
  return {
    isServedByPrimary: false,
    gather: (own) => runIn(rootContext, () => gather(cluster, workers, own)),
    leave() {
      cluster.off('message', onMessage);
      cluster.off('exit', onExit);
    },
  };
}

async function gather(cluster: Cluster, workers: Workers, own: Collection): Promise<Collection> {
  await workers.ask(Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined));
  const others = workers.all();
  const isAlone = others.every(({ scopes }) => scopes.length === 0);
  return isAlone ? own : { ...own, scopeMetrics: addUp([{ scopes: own.scopeMetrics }, ...others]) };
}
