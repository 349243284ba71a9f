/** Runs in a worker while the thread that started it waits: one attempt for each letter, signal by signal. */
import { workerData } from 'node:worker_threads';
import type { Signal } from '../../src/config/config.ts';
import type { Attempt } from '../../src/delivery/retry.ts';
import { load } from '../../src/load.ts';
import type { Answer, Letter, Mailbag } from './last-post.ts';
import { otlpExporter } from './otlp.ts';

const { letters, answered, port } = workerData as Mailbag;
const counter = new Int32Array(answered);
const deps = {
  loadGrpc: () => load<typeof import('./grpc.ts')>('grpc'),
  logs: { resource: { attributes: {} } },
};

// No request holds its thread by itself.
setInterval(() => undefined, 1000);

function answer(number: number, attempt: Attempt): void {
  const message: Answer = [number, attempt];
  port.postMessage(message);
  Atomics.add(counter, 0, 1);
  Atomics.notify(counter, 0);
}

/** Where one letter does not get through, the others would not either. */
async function deliver(signal: Signal, own: readonly (readonly [number, Letter])[]): Promise<void> {
  let failed: Attempt | undefined;
  const exporter = otlpExporter(signal, own[0]![1].target, deps);
  for (const [number, { body, json }] of own) {
    const attempt = failed ?? (await exporter.send(body, json ? 'json' : 'protobuf'));
    if (attempt.outcome === 'failed') failed = attempt;
    answer(number, attempt);
  }
}

for (const [signal, own] of Map.groupBy(letters.entries(), ([, letter]) => letter.signal)) {
  void deliver(signal, own).catch((error) => {
    const failed: Attempt = { outcome: 'failed', code: 'defect', reason: String(error) };
    for (const [number] of own) answer(number, failed);
  });
}
