/**
 * How the last attempt at `process.exit` is made: a worker thread that this thread waits for, or a child process.
 * Prints the median and the least milliseconds that each takes to send one request and hear its answer.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const rounds = 15;
const send = (done: string) => `
  const request = require('node:http').request(url, { method: 'POST' }, (answer) => answer.resume().on('end', () => { ${done} }));
  request.end(Buffer.alloc(100_000));`;

const inWorker = `
  const { workerData } = require('node:worker_threads');
  const { url, flag } = workerData;
  ${send('Atomics.store(flag, 0, 1); Atomics.notify(flag, 0);')}`;
const inChild = join(tmpdir(), 'sonde-last-post.cjs');
writeFileSync(inChild, `const url = process.argv[2]; ${send('process.exit()')}`);

/** The receiver has a thread of its own: this one stands still. */
const receiver = new Worker(
  `const server = require('node:http').createServer((request, answer) => request.resume().on('end', () => answer.end()));
   server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address()));`,
  { eval: true },
);

function byWorker(url: string): void {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  new Worker(inWorker, { eval: true, workerData: { url, flag }, execArgv: [], env: {} }).unref();
  Atomics.wait(flag, 0, 0, 5000);
}

function byChild(url: string): void {
  spawnSync(process.execPath, [inChild, url], { env: {}, timeout: 5000 });
}

function timed(work: () => void): number {
  const begin = performance.now();
  work();
  return performance.now() - begin;
}

receiver.once('message', ({ port }: AddressInfo) => {
  const url = `http://127.0.0.1:${port}`;
  const took: Record<string, number[]> = { worker: [], child: [] };
  for (let i = 0; i < rounds; i++) {
    took.worker?.push(timed(() => byWorker(url)));
    took.child?.push(timed(() => byChild(url)));
  }
  for (const [name, times] of Object.entries(took)) {
    const sorted = times.toSorted((a, b) => a - b);
    console.log(`${name}: median ${sorted[rounds >> 1]?.toFixed(1)} ms, least ${sorted[0]?.toFixed(1)} ms`);
  }
  process.exit();
});
