/**
 * BullMQ's processors in files of their own: the child process or worker thread that runs them takes up the unit of
 * work of each job that its worker hands over. The span of the job is the worker's (A31).
 */
import { bindTo } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isMainThread, threads } from '../src/threads.ts';
import type { Method } from './connection.ts';
import { arrivedWith } from './delivered.ts';
import { override } from './override.ts';

/** A job as it is sent there. */
interface HandedJob {
  readonly id?: string;
  readonly queueName?: string;
  readonly opts?: { readonly telemetry?: { readonly metadata?: string } };
}

/** BullMQ's own script for them, which knows how to listen to a worker. */
const script = /[\\/]bullmq[^\\/]*[\\/]dist[\\/](?:cjs|esm)[\\/]classes[\\/]main(?:-worker)?\.js$/;

/** Whether this process or thread may be one of those. A thread does not know its script before it runs. */
export function mayBeSandbox(): boolean {
  return !isMainThread() || isSandbox();
}

function isSandbox(): boolean {
  return script.test(process.argv[1] ?? '');
}

export function bullmqSandbox(): Instrumentation {
  let restore = (): void => {};
  return {
    name: 'bullmq',
    modules: [],
    enable() {
      const receiver: object = threads()?.parentPort ?? process;
      // The first who listens is BullMQ's script; the wrapper is its own, and nobody ever takes it off.
      restore = override<Method>(receiver, 'on', (original) => {
        return function (this: unknown, event, listener, ...rest) {
          if (event !== 'message' || typeof listener !== 'function')
            return original.call(this, event, listener, ...rest);
          restore();
          return original.call(this, event, isSandbox() ? inUnitOfJob(listener) : listener, ...rest);
        };
      });
    },
    disable: () => restore(),
  };
}

function inUnitOfJob(listener: Method): Method {
  return function (this: unknown, message, ...rest) {
    const job: HandedJob | undefined = message?.job;
    if (typeof job !== 'object' || job === null) return listener.call(this, message, ...rest);
    const delivered = { carrier: carrierOf(job), id: job.id };
    const { base } = arrivedWith(job.queueName, [delivered], false);
    return bindTo(base, listener).call(this, message, ...rest);
  };
}

/** What a sender or a worker has written into a job, if it can be read. */
export function carrierOf({ opts }: HandedJob): unknown {
  try {
    return JSON.parse(opts?.telemetry?.metadata ?? '{}');
  } catch {
    return undefined;
  }
}
