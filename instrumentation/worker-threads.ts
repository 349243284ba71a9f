/**
 * Worker threads continue the unit of work that starts them. `Worker` itself is not touched: Node clones the
 * environment data into each new worker, and a getter in it is read at that moment, in the starter's context.
 */
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { activeContext } from '../src/context/context.ts';
import { environmentDataKey, type Inheritance, inheritanceOf } from '../src/context/inherited.ts';
import type { Instrumentation } from '../src/instrumentation.ts';

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
  return {
    name: 'worker-threads',
    modules: [],
    enable() {
      setEnvironmentData(environmentDataKey, handed as never);
    },
    disable() {
      if (getEnvironmentData(environmentDataKey) === (handed as never)) {
        setEnvironmentData(environmentDataKey, undefined as never);
      }
    },
  };
}
