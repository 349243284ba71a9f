/** Asks about worker threads without loading what only they need. */

/** Every worker has loaded it before any other code runs; a main thread has when the app has threads. */
const sign = 'NativeModule internal/worker/io';

/**
 * `node:worker_threads` wherever it says anything: in a worker, and where the app has loaded it. `undefined` in a main
 * thread without threads: there the module would bring streams and message ports into every start.
 */
export function threads(): typeof import('node:worker_threads') | undefined {
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] };
  const isNeeded = moduleLoadList?.includes(sign) ?? true;
  return isNeeded ? process.getBuiltinModule('node:worker_threads') : undefined;
}

/** Whether this is the thread that the process began with. */
export function isMainThread(): boolean {
  return threads()?.isMainThread ?? true;
}
