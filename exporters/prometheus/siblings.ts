/**
 * One scrape for all workers of a primary that runs no Sonde, as pm2's daemon does not (A68): each worker answers its siblings
 * on a socket of its own, and whichever of them is scraped adds up. What a worker counted stays when it is gone.
 */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import { rootContext, runIn } from '../../src/context/context.ts';
import type { CollectedScope, Collection } from '../../src/metrics/collected.ts';
import { withoutSecrets } from '../../src/metrics/redacted.ts';
import { addUp, type Told } from './merge.ts';
import { WorkerFolder } from './worker-folder.ts';

export interface Siblings {
  gather(own: Collection): Promise<Collection>;
  /** With what this worker has counted to its end. */
  leave(last: readonly CollectedScope[]): void;
}

export interface Sibling {
  /** Of the primary. */
  readonly primary: number;
  /** Main script of the app: two apps of one primary do not add up. */
  readonly script: string;
  /** Tells this worker's gauges apart from those of others. */
  readonly worker: number;
  /** What it has counted up to now. */
  readonly collect: () => Promise<Collection>;
}

/** A worker whose event loop is stuck is counted as it was when it last told. */
const longestWaitMillis = 1_000;
/** Of the worker that happens to be asked; the page is that of all. */
const ofOneProcess = ['service.instance.id', 'worker.id', 'process.pid'];

interface Resource {
  readonly attributes?: Attributes;
}

/** One of the others. */
interface Answer extends Told {
  readonly id: string;
}

/** @throws where the workers cannot have a folder or a socket; each is then alone */
export function joinSiblings({ primary, script, worker, collect }: Sibling): Siblings {
  const folder = WorkerFolder.open(primary, script);
  const id = `${worker}-${randomBytes(4).toString('hex')}`;
  const server = answerSiblings(folder.socketOf(id), async () => {
    const { scopeMetrics } = await collect();
    return tell(folder, id, withoutSecrets(scopeMetrics));
  });
  return {
    gather: (own) => runIn(rootContext, () => gather(folder, id, worker, own)),
    leave(last) {
      server.close();
      folder.bury(id, withoutSecrets(last));
    },
  };
}

/** What it told is kept: after a `kill -9` there is nothing else. */
function tell(folder: WorkerFolder, id: string, scopes: readonly CollectedScope[]): string {
  const text = JSON.stringify(scopes);
  void folder.remember(id, text).catch(() => undefined);
  return text;
}

/** `exclusive`: the primary would else listen in the name of its workers. */
function answerSiblings(path: string, collect: () => Promise<string>): net.Server {
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy()).unref();
    collect().then(
      (text) => socket.end(text),
      () => socket.destroy(),
    );
  });
  server.on('error', () => undefined);
  return server.listen({ path, exclusive: true }).unref();
}

async function gather(
  folder: WorkerFolder,
  own: string,
  worker: number,
  collection: Collection,
): Promise<Collection> {
  // Cleaned as those of the others are, or they would be other series.
  const scopeMetrics = withoutSecrets(collection.scopeMetrics);
  tell(folder, own, scopeMetrics);
  const others = folder.ids().filter((id) => id !== own);
  const told = await Promise.all(others.map((id) => ask(folder, id)));
  // After they were asked: who died meanwhile is in this sum, and what it told just now is not added again.
  const { ids, scopes } = folder.buried();
  const living = told.filter(({ id }) => !ids.includes(id));
  return {
    resource: ofAll(collection.resource),
    scopeMetrics: addUp([{ scopes: scopeMetrics, worker }, ...living, { scopes }]),
  };
}

function ofAll(resource: Collection['resource']): Collection['resource'] {
  const attributes = Object.entries((resource as Resource).attributes ?? {}).filter(
    ([name]) => !ofOneProcess.includes(name),
  );
  return { attributes: Object.fromEntries(attributes) };
}

async function ask(folder: WorkerFolder, id: string): Promise<Answer> {
  const worker = Number(id.split('-')[0]);
  try {
    return { id, worker, scopes: JSON.parse(await textFrom(folder.socketOf(id))) };
  } catch (error) {
    const scopes = folder.last(id);
    const isDead = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
    // Whoever holds the lock is not waited for: the next scrape comes.
    if (isDead) folder.bury(id, scopes, 0);
    return { id, worker, scopes };
  }
}

function textFrom(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = net.connect({ path });
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), longestWaitMillis).unref();
    socket.on('data', (part) => parts.push(part));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(parts).toString());
    });
  });
}
