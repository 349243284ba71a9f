/**
 * Worker threads continue the unit of work that starts them. `Worker` itself is not touched: Node clones the
 * environment data into each new worker, and a getter in it is read at that moment, in the starter's context.
 */
import { handDownMainScript } from '../src/config/main-script.ts';
import { activeContext } from '../src/context/context.ts';
import { environmentDataKey, type Inheritance, inheritanceOf } from '../src/context/inherited.ts';
import type { Instrumentation } from '../src/instrumentation.ts';

type Threads = typeof import('node:worker_threads');

/** Read by the structured clone; a throw here would come out of `new Worker`. */
const handed = {
  get carrier(): Inheritance | undefined {
    try {
      return inheritanceOf(activeContext());
    } catch {
      return undefined;
    }
  },
};

/**
 * A worker runs Sonde by the preload it inherits; Node skips `--import` (not `--require`) in workers made with
 * `eval: true`. `workerData` and messages stay as they are. A message's own context travels by `inject` and `extract`. (A31)
 */
export function workerThreads(): Instrumentation {
  let threads: Threads | undefined;
  return {
    name: 'worker-threads',
    modules: ['node:worker_threads'],
    patch(exports: Threads) {
      threads = exports;
      threads.setEnvironmentData(environmentDataKey, handed as never);
    },
    disable() {
      if (threads?.getEnvironmentData(environmentDataKey) === (handed as never)) {
        threads.setEnvironmentData(environmentDataKey, undefined as never);
      }
    },
  };
}

/** Worker threads are named after the app they belong to, whatever their own file is. */
export function workerNames(): Instrumentation {
  return {
    name: 'worker-names',
    modules: ['node:worker_threads'],
    patch: handDownMainScript,
    disable() {},
  };
}
