/** Sends the error events of a process that is over: a worker posts, and this thread waits for it. */
import { Worker } from 'node:worker_threads';
import { partPath } from '../../src/load.ts';
import type { Envelope } from './envelope.ts';

/** What the worker is given. */
export interface LastEnvelopes {
  readonly envelopes: readonly Envelope[];
  /** How many were taken, and how many were answered at all. */
  readonly counts: SharedArrayBuffer;
}

/** Gives back how many were taken within `millis`. Throws where no worker can be had. */
export function postLastEnvelopes(envelopes: readonly Envelope[], millis: number): number {
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const workerData: LastEnvelopes = { envelopes, counts: counts.buffer };
  // Nothing of what was loaded into this process is loaded into the worker.
  const bare = { execArgv: [], env: {}, stdout: true, stderr: true };
  new Worker(partPath('envelopePostman'), { ...bare, workerData }).unref();
  const end = performance.now() + millis;
  while (counts[1]! < envelopes.length && performance.now() < end)
    Atomics.wait(counts, 1, counts[1]!, end - performance.now());
  return counts[0]!;
}
