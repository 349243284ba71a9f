/**
 * pg-boss: one span for each call that sends jobs and for each call of a worker's handler. A job has one place for what
 * its sender says, its data; the context travels there under a key of its own and is taken out before the app sees it.
 */
import { dirname, join } from 'node:path';
import { keepCarrier } from '../src/context/carrier.ts';
import { rootContext, runIn } from '../src/context/context.ts';
import { suppressed } from '../src/context/suppression.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import type { Method } from './connection.ts';
import type { Delivered } from './delivered.ts';
import { moduleCache } from './loaded-modules.ts';
import { type Destination, type Messaging, messagingSensor, nameOfAll } from './messaging.ts';
import { override } from './override.ts';
import { type Depth, type QueueDepths, queueDepths } from './queue-depth.ts';

/** What a worker without Sonde finds in the data beside the app's own. */
const key = 'sonde.context';
/** Under which the context says that there were no data. */
const empty = 'no-data';

interface Job {
  readonly id?: string;
  /** Only where the app asks for metadata. */
  readonly retryCount?: number;
  data?: unknown;
}

/** PostgreSQL jobs by `pg-boss` 10, CommonJS and ES modules alike. Data that are no object travel as they are. */
export function pgBoss(): Instrumentation {
  const undo: (() => void)[] = [];
  return {
    name: 'pg-boss',
    modules: ['pg-boss'],
    patch(PgBoss, _specifier, sensors, path) {
      const manager = moduleCache[join(dirname(path ?? ''), 'manager.js')]?.exports;
      if (typeof manager?.prototype?.createJob !== 'function') throw new Error('only version 10 is known');
      const messaging = messagingSensor(sensors);
      const depths = queueDepths(sensors);
      undo.push(
        depths.stop,
        ...patchManager(manager.prototype, depths),
        ...patchBoss(PgBoss.prototype),
        ...patchSending(manager.prototype, messaging),
        ...patchWorking(manager.prototype, messaging),
      );
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}

function destination(name: unknown, operation: string): Destination {
  return { system: 'pg-boss', name: name === undefined ? undefined : String(name), operation };
}

/** It looks after its tables all the time, which is nobody's work; what listens to it is the app's again. */
function patchBoss(prototype: object): (() => void)[] {
  const start = (original: Method): Method =>
    function (this: unknown, ...args) {
      return runIn(suppressed(rootContext), () => original.apply(this, args));
    };
  const emit = (original: Method): Method =>
    function (this: unknown, ...args) {
      return runIn(rootContext, () => original.apply(this, args));
    };
  return [override<Method>(prototype, 'start', start), override<Method>(prototype, 'emit', emit)];
}

interface Manager {
  readonly stopped?: boolean;
  readonly config: {
    readonly schema: string;
    readonly connectionString?: string;
    readonly host?: string;
    readonly database?: string;
  };
  readonly db: { executeSql(sql: string): Promise<{ rows: Depth[] }> };
  getQueues(): Promise<{ readonly name: string }[]>;
}

function patchManager(prototype: object, depths: QueueDepths): (() => void)[] {
  const start = (original: Method): Method =>
    function (this: Manager, ...args) {
      const { schema, connectionString, host, database } = this.config;
      depths.watch([schema, connectionString, host, database].join(' '), this, depthsOf);
      return original.apply(this, args);
    };
  return [override<Method>(prototype, 'start', start)];
}

const unfinished = ['created', 'retry', 'active'];

/** What is in none of the unfinished states is 0, not absent. */
async function depthsOf(manager: Manager): Promise<Depth[]> {
  if (manager.stopped) return [];
  const queues = (await manager.getQueues()).filter(({ name }) => !isOwn(name));
  const { rows } = await manager.db.executeSql(
    `SELECT name AS queue, state::text AS state, count(*)::int AS count FROM ${manager.config.schema}.job
     WHERE state IN ('created', 'retry', 'active') GROUP BY name, state`,
  );
  return queues.flatMap(({ name: queue }) =>
    unfinished.map((state) => {
      const row = rows.find((each) => each.queue === queue && each.state === state);
      return { queue, state, count: row?.count ?? 0 };
    }),
  );
}

/** The names of these functions matter: pg-boss offers its methods under them. */
function patchSending(prototype: object, messaging: Messaging): (() => void)[] {
  // Every way to send one job ends here; once more, with an offset, where a slot is taken.
  const createJob = (original: Method): Method =>
    function createJob(this: unknown, name, data, options, offset, ...rest) {
      if (offset) return original.call(this, name, data, options, offset, ...rest);
      return messaging.send(destination(name, 'send'), async (write, span) => {
        const id = await original.call(this, name, carrying(data, write), options, offset, ...rest);
        if (typeof id === 'string') span.setAttribute('messaging.message.id', id);
        return id;
      });
    };
  const insert = (original: Method): Method =>
    function insert(this: unknown, jobs, ...rest) {
      if (!Array.isArray(jobs)) return original.call(this, jobs, ...rest);
      const work = (write: (carrier: object) => void) => {
        const carriers = jobs.map((job) => (job ? { ...job, data: carrying(job.data, write) } : job));
        return original.call(this, carriers, ...rest);
      };
      return messaging.send(
        destination(nameOfAll(jobs.map((job) => job?.name)), 'insert'),
        work,
        jobs.length,
      );
    };
  return [override<Method>(prototype, 'createJob', createJob), override<Method>(prototype, 'insert', insert)];
}

function patchWorking(prototype: object, messaging: Messaging): (() => void)[] {
  const watch = (original: Method): Method =>
    function watch(this: unknown, name, options, callback, ...rest) {
      const from = destination(name, 'work');
      const process: Method = (jobs: Job[], ...more) =>
        messaging.process(from, jobs.map(deliveredBy), () => callback(jobs, ...more));
      const handler = isOwn(name) ? callback : process;
      return runIn(suppressed(rootContext), () => original.call(this, name, options, handler, ...rest));
    };

  const fetch = (original: Method): Method =>
    function fetch(this: unknown, name, ...rest) {
      const work = async (): Promise<unknown> => unpacked(await original.call(this, name, ...rest));
      return messaging.receive(destination(name, 'fetch'), work, (jobs) =>
        Array.isArray(jobs) ? jobs.map(deliveredBy) : [],
      );
    };

  const getJobById = (original: Method): Method =>
    async function getJobById(this: unknown, ...args) {
      const job = await original.apply(this, args);
      unpack(job);
      return job;
    };

  return [
    override<Method>(prototype, 'watch', watch),
    override<Method>(prototype, 'fetch', fetch),
    override<Method>(prototype, 'getJobById', getJobById),
  ];
}

/** Queues by which pg-boss talks to itself. */
function isOwn(name: unknown): boolean {
  return String(name).startsWith('__pgboss__');
}

/** The data with the context in them, or as they are where there is no room for it. */
function carrying(data: unknown, write: (carrier: object) => void): unknown {
  try {
    const isEmpty = data === undefined || data === null;
    if (!isEmpty && !hasRoom(data)) return data;
    const carrier: Record<string, unknown> = {};
    write(carrier);
    if (Object.keys(carrier).length === 0) return data;
    return isEmpty ? { [key]: { ...carrier, [empty]: true } } : { ...(data as object), [key]: carrier };
  } catch {
    // What cannot be read here is pg-boss's to refuse.
    return data;
  }
}

/** Whether it becomes a JSON object by its properties alone. */
function hasRoom(data: unknown): data is object {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || ArrayBuffer.isView(data))
    return false;
  return !['toJSON', 'toPostgres', key].some((name) => name in data);
}

function unpacked(jobs: unknown): unknown {
  if (Array.isArray(jobs)) for (const job of jobs) unpack(job);
  return jobs;
}

/** Takes the context out of the data; `extract(job, fn)` finds it. */
function unpack(job: Job | null | undefined): void {
  const data = job?.data as Record<string, Record<string, unknown>> | null | undefined;
  if (typeof data !== 'object' || data === null || !Object.hasOwn(data, key)) return;
  const carrier = data[key];
  if (typeof carrier !== 'object' || carrier === null) return;
  keepCarrier(job, carrier);
  delete data[key];
  if (carrier[empty] === true) (job as Job).data = null;
}

function deliveredBy(job: Job): Delivered {
  const { id, retryCount } = job;
  return { carrier: job, id, attempt: retryCount === undefined ? undefined : retryCount + 1 };
}
