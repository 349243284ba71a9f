/** BullMQ: one span for each job that is added and processed; the context travels in the job's options. */
import { activeContext, rootContext, runIn } from '../src/context/context.ts';
import { propagation } from '../src/context/propagation.ts';
import { suppressed } from '../src/context/suppression.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { carrierOf } from './bullmq-sandbox.ts';
import { forNobody, type Method } from './connection.ts';
import { type Destination, type Messaging, messagingSensor, nameOfAll } from './messaging.ts';
import { override } from './override.ts';
import { type Depth, type QueueDepths, queueDepths } from './queue-depth.ts';

/** What is read of a queue or a worker. */
interface Queue {
  readonly name: string;
  /** The app's own telemetry of BullMQ, which writes the same place. */
  readonly opts?: { readonly telemetry?: unknown; readonly prefix?: string };
  readonly closing?: unknown;
  getJobCounts?(...states: string[]): Promise<Readonly<Record<string, number>>>;
}

/** What is still to be done, and what has failed for good. */
const states = ['waiting', 'active', 'delayed', 'prioritized', 'waiting-children', 'failed'];

/** Only who sends has a queue to ask; a worker alone has none. */
async function depthOf(queue: Queue): Promise<Depth[]> {
  if (queue.closing) return [];
  const counts = (await queue.getJobCounts?.(...states)) ?? {};
  return Object.entries(counts).map(([state, count]) => ({ queue: queue.name, state, count }));
}

interface Job {
  readonly id?: string;
  readonly name?: string;
  readonly attemptsMade?: number;
  readonly opts?: JobOptions;
}

interface JobOptions {
  readonly repeat?: unknown;
  readonly telemetry?: { readonly metadata?: string; readonly omitContext?: boolean };
}

type Write = (carrier: object) => void;

/** BullMQ 5 and 6, CommonJS and ES modules alike. Beside BullMQ's own telemetry it stands aside. */
export function bullmq(): Instrumentation {
  const undo: (() => void)[] = [];
  return {
    name: 'bullmq',
    modules: ['bullmq'],
    patch({ Queue, FlowProducer, Worker, Job, Child }, _specifier, sensors) {
      const messaging = messagingSensor(sensors);
      const depths = queueDepths(sensors);
      undo.push(depths.stop);
      undo.push(
        ...patchQueue(Queue.prototype, messaging, depths),
        ...patchFlowProducer(FlowProducer.prototype, messaging),
        ...patchWorker(Worker.prototype, messaging),
        override<Method>(Job.prototype, 'asJSONSandbox', handedOver),
        // It outlives the job that needs it first.
        override<Method>(Child?.prototype ?? {}, 'init', forNobody),
      );
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}

function destination({ name }: Queue, operation: string): Destination {
  return { system: 'bullmq', name, operation };
}

function patchQueue(prototype: object, messaging: Messaging, depths: QueueDepths): (() => void)[] {
  const watch = (queue: Queue): void => depths.watch(`${queue.opts?.prefix}:${queue.name}`, queue, depthOf);
  const add = (original: Method): Method =>
    function (this: Queue, name, data, options, ...rest) {
      watch(this);
      if (this.opts?.telemetry) return original.call(this, name, data, options, ...rest);
      return messaging.send(destination(this, 'add'), async (write, span) => {
        const job = await original.call(this, name, data, carrying(options, write), ...rest);
        if (job?.id !== undefined) span.setAttribute('messaging.message.id', String(job.id));
        return job;
      });
    };
  const addBulk = (original: Method): Method =>
    function (this: Queue, jobs, ...rest) {
      watch(this);
      if (this.opts?.telemetry || !Array.isArray(jobs)) return original.call(this, jobs, ...rest);
      const work = (write: Write) => {
        const carriers = jobs.map((job) => (job ? { ...job, opts: carrying(job.opts, write) } : job));
        return original.call(this, carriers, ...rest);
      };
      return messaging.send(destination(this, 'addBulk'), work, jobs.length);
    };
  return [override<Method>(prototype, 'add', add), override<Method>(prototype, 'addBulk', addBulk)];
}

/** Jobs that wait for each other, maybe in several queues. */
interface Flow {
  readonly queueName?: unknown;
  readonly opts?: JobOptions;
  readonly children?: readonly Flow[];
}

function patchFlowProducer(prototype: object, messaging: Messaging): (() => void)[] {
  const sending = (operation: string, flows: readonly Flow[], call: (carriers: Flow[]) => unknown) => {
    const all = flows.flatMap(jobsOf);
    const name = nameOfAll(all.map(({ queueName }) => queueName));
    const work = (write: Write) => call(flows.map((flow) => flowCarrying(flow, write)));
    return messaging.send({ system: 'bullmq', name, operation }, work, all.length);
  };
  const add = (original: Method): Method =>
    function (this: Queue, flow, ...rest) {
      if (this.opts?.telemetry || !flow) return original.call(this, flow, ...rest);
      return sending('addFlow', [flow], ([carrier]) => original.call(this, carrier, ...rest));
    };
  const addBulk = (original: Method): Method =>
    function (this: Queue, flows, ...rest) {
      if (this.opts?.telemetry || !Array.isArray(flows)) return original.call(this, flows, ...rest);
      return sending('addBulkFlows', flows, (carriers) => original.call(this, carriers, ...rest));
    };
  return [override<Method>(prototype, 'add', add), override<Method>(prototype, 'addBulk', addBulk)];
}

function jobsOf(flow: Flow): Flow[] {
  return [flow, ...(childrenOf(flow) ?? []).flatMap(jobsOf)];
}

function flowCarrying(flow: Flow, write: Write): Flow {
  if (!flow) return flow;
  const children = childrenOf(flow)?.map((child) => flowCarrying(child, write));
  return { ...flow, opts: carrying(flow.opts, write), ...(children && { children }) };
}

function childrenOf(flow: Flow | undefined): readonly Flow[] | undefined {
  return Array.isArray(flow?.children) ? flow.children : undefined;
}

/**
 * The options with the context in the place that BullMQ has for it. What repeats is no part of the work that set it up,
 * and an app may ask to leave the context out.
 */
function carrying(options: JobOptions | undefined, write: Write): JobOptions {
  if (options?.repeat || options?.telemetry?.omitContext) return options;
  const carrier = {};
  write(carrier);
  return { ...options, telemetry: { ...options?.telemetry, metadata: JSON.stringify(carrier) } };
}

/** A job for a processor in a file of its own: what it does there is part of the span here. */
function handedOver(original: Method): Method {
  return function (this: Job, ...args) {
    const json = original.apply(this, args);
    const carrier = {};
    propagation().inject(carrier, activeContext());
    const telemetry = { ...json.opts?.telemetry, metadata: JSON.stringify(carrier) };
    return { ...json, opts: { ...json.opts, telemetry } };
  };
}

function patchWorker(prototype: object, messaging: Messaging): (() => void)[] {
  const callProcessJob = (original: Method): Method =>
    function (this: Queue, job: Job, ...rest) {
      const from = destination(this, 'process');
      if (this.opts?.telemetry) return original.call(this, job, ...rest);
      const delivered = {
        carrier: carrierOf(job),
        id: job.id,
        attempt: (job.attemptsMade ?? 0) + 1,
        attributes: { 'job.name': job.name },
      };
      return messaging.process(from, delivered, async () => original.call(this, job, ...rest));
    };

  // A worker asks Redis all the time, which is nobody's work and no news.
  const run = (original: Method): Method =>
    function (this: unknown, ...args) {
      return runIn(suppressed(rootContext), () => original.apply(this, args));
    };

  // What listens to the worker is the app's own work again.
  const emit = (original: Method): Method =>
    function (this: unknown, ...args) {
      return runIn(rootContext, () => original.apply(this, args));
    };

  return [
    override<Method>(prototype, 'callProcessJob', callProcessJob),
    override<Method>(prototype, 'run', run),
    override<Method>(prototype, 'emit', emit),
  ];
}
