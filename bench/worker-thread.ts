/**
 * `node bench/worker-thread.ts`: what a worker thread for encoding would save and cost. Microseconds of the app's own
 * thread for a record: encoded here, as Sonde does; handed to a worker as objects; and, of what is encoded, the
 * request put together here or handed over as bytes.
 */
import { Worker } from 'node:worker_threads';
import { encodeLogs, packLogs } from '../exporters/otlp/encoding.ts';
import { logRecord } from '../test/support/otlp-items.ts';

const batch = 512;
const shape = {
  resource: { attributes: { 'service.name': 'shop' } },
  attributeCountLimit: 128,
  attributeValueLengthLimit: 65_536,
  breadcrumbs: false,
  requestId: false,
};
const stack = '    at handler (/app/src/orders.js:10:5)\n'.repeat(40);
const kinds: Readonly<Record<string, (n: number) => ReturnType<typeof logRecord>>> = {
  small: (n) => logRecord({ fields: { n, path: '/orders/:id', user: 42 } }),
  stack: (n) => logRecord({ fields: { n, stack } }),
};
const worker = new Worker("require('node:worker_threads').parentPort.on('message', () => {});", {
  eval: true,
});

/** The least of several rounds, by item. Microseconds. */
async function cost(work: () => void): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 60; round++) {
    const began = performance.now();
    work();
    least = Math.min(least, performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return Math.round((least * 100_000) / batch) / 100;
}

for (const [kind, make] of Object.entries(kinds)) {
  const records = Array.from({ length: batch }, (_, n) => make(n));
  // Contexts cannot be cloned, and no worker needs them.
  const plain = records.map(({ context: _, ...record }) => record);
  const pack = packLogs('http/protobuf', shape);
  const request = encodeLogs('http/protobuf', shape);
  const packed = records.map(pack);
  const body = request(packed);
  console.log(kind, {
    'encoded here': await cost(() => void records.map(pack)),
    'handed over as objects': await cost(() => worker.postMessage(plain)),
    'put together here': await cost(() => void request(packed)),
    'handed over as bytes': await cost(() => worker.postMessage(body)),
  });
}
await worker.terminate();
