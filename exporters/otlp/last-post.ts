/**
 * Sending when nothing asynchronous will happen any more in this thread, for its process is over: a worker sends, and
 * this thread waits for it. (A child process takes as long, about 50 ms, and needs the right to start one; see
 * `bench/last-post.ts`.)
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Config, OtlpTarget, Signal } from '../../src/config/config.ts';
import { proxyVariables } from '../../src/config/env.ts';
import type { Books } from '../../src/delivery/books.ts';
import { mostBytes } from '../../src/delivery/courier.ts';
import { bodyOf, countOf, type Entry, type Outbox } from '../../src/delivery/outbox.ts';
import type { Attempt } from '../../src/delivery/retry.ts';
import { partPath } from '../../src/load.ts';

/** One request. */
export interface Letter {
  readonly signal: Signal;
  readonly target: OtlpTarget;
  readonly json: boolean;
  readonly body: Uint8Array;
}

/** What the worker is given. */
export interface Mailbag {
  readonly letters: readonly Letter[];
  /** Counts what has been answered. */
  readonly answered: SharedArrayBuffer;
  readonly port: import('node:worker_threads').MessagePort;
}

export type Answer = readonly [letter: number, attempt: Attempt];

export interface LastPost {
  readonly signals: readonly Signal[];
  readonly config: Config;
  readonly outbox: Outbox;
  readonly books: Books;
  /** As long as this may take in all. */
  readonly millis: number;
}

interface Run {
  readonly signal: Signal;
  readonly entries: Entry[];
}

/** A worker needs about this long to say anything. Milliseconds. */
const shortestMillis = 50;
const tooLate: Attempt = { outcome: 'failed', code: 'shutdown', reason: 'not sent before the end' };

/** Empties the outbox as far as time allows, and enters what became of it. Throws where no worker can be had. */
export function postLast({ signals, config, outbox, books, millis }: LastPost): void {
  if (millis < shortestMillis) return;
  const runs = signals.flatMap((signal) => takeAll(outbox, signal, config));
  const letters = runs.map(({ signal, entries }): Letter => {
    const json = entries[0]?.json === true;
    return { signal, json, target: config.otlp[signal], body: bodyOf(entries) };
  });
  const answers = postNow(letters, millis);
  for (const [i, { signal, entries }] of runs.entries()) {
    const answer = answers.get(i) ?? tooLate;
    const forgotten = answer.unnamed === true && answer.code === 'ECONNREFUSED';
    books.enter(signal, countOf(entries), { ...answer, forgotten });
    outbox.settle(entries);
  }
}

/** What is under way, too: nobody will hear its answer. */
function takeAll(outbox: Outbox, signal: Signal, config: Config): Run[] {
  const items = signal === 'metrics' ? 1 : config[signal].batch.maxExportBatchSize;
  const take = () => outbox.take(signal, { items, bytes: mostBytes });
  const runs: Run[] = [];
  outbox.recall(signal);
  for (let entries = take(); entries.length > 0; entries = take()) runs.push({ signal, entries });
  return runs;
}

/** Waits until every letter is answered, or for `millis`. Gives back the answers by the letter's number. */
function postNow(letters: readonly Letter[], millis: number): Map<number, Attempt> {
  const end = performance.now() + millis;
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const bag: Mailbag = { letters, answered: answered.buffer, port: port2 };
  // Nothing of what was loaded into this process is loaded into the worker.
  const bare = { execArgv: [], env: { ...proxyVariables() }, stdout: true, stderr: true };
  new Worker(partPath('postman'), { ...bare, workerData: bag, transferList: [port2] }).unref();
  const answers = new Map<number, Attempt>();
  while (answers.size < letters.length && performance.now() < end) {
    Atomics.wait(answered, 0, answers.size, end - performance.now());
    for (let next = receiveMessageOnPort(port1); next; next = receiveMessageOnPort(port1)) {
      const [letter, attempt] = next.message as Answer;
      answers.set(letter, attempt);
    }
  }
  return answers;
}
