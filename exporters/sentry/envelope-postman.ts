/** Runs in a worker while the thread that started it waits: one attempt for each envelope. */
import { workerData } from 'node:worker_threads';
import { post } from '../post.ts';
import type { Envelope } from './envelope.ts';
import type { LastEnvelopes } from './last-envelopes.ts';

const { envelopes, counts } = workerData as LastEnvelopes;
const counters = new Int32Array(counts);

// No request holds its thread by itself.
setInterval(() => undefined, 1000);

async function isTaken({ url, headers, body }: Envelope): Promise<boolean> {
  try {
    await post(new URL(url), { headers, body });
    return true;
  } catch {
    return false;
  }
}

async function deliver(): Promise<void> {
  let isDown = false;
  for (const envelope of envelopes) {
    // Where one does not get through, the others would not either.
    if (!isDown && (await isTaken(envelope))) Atomics.add(counters, 0, 1);
    else isDown = true;
    Atomics.add(counters, 1, 1);
    Atomics.notify(counters, 1);
  }
}

void deliver();
