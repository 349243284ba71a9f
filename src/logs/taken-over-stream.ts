/**
 * A standard stream in a worker of pm2's cluster mode. The descriptor is that of pm2's daemon; the app's own log file is what
 * pm2 puts in the place of `process.stdout.write`, some moments after a preload.
 */
import fs from 'node:fs';
import { pm2LogFile } from '../config/env.ts';
import type { LineStream, StreamName } from './line-stream.ts';

/** Lines; a worker that pm2 does not take over is none of pm2's. */
const mostHeld = 1_000;
/** For a queue that never says that a line is out. */
const mostQueued = 10_000;
const longestHeldMillis = 1_000;

/** Writes where `console.log` does, but loses nothing at the end; what pm2 never took goes to `direct`. */
export function takenOverStream(name: StreamName, direct: LineStream): LineStream {
  /** pm2 has not come yet. */
  const early: string[] = [];
  /** pm2 has them in a queue, which an end of the process does not wait for. */
  const queued = new Set<{ readonly text: string }>();
  let isWatched = false;
  let isOver = false;

  function hand(line: string): void {
    const one = { text: `${line}\n` };
    queued.add(one);
    if (queued.size > mostQueued) queued.delete(queued.values().next().value!);
    process[name].write(one.text, 'utf8', () => queued.delete(one));
    if (isOver) writeQueued();
  }

  function release(): void {
    const write = isTakenOver(name) ? hand : direct.write;
    for (const line of early.splice(0)) write(line);
  }

  function writeQueued(): void {
    const file = pm2LogFile(name);
    const text = [...queued].map((one) => one.text).join('');
    queued.clear();
    if (file !== undefined && text !== '') fs.appendFileSync(file, text);
  }

  function watch(): void {
    isWatched = true;
    setTimeout(() => quietly(release), longestHeldMillis).unref();
    process.once('exit', () => {
      isOver = true;
      quietly(release);
      quietly(writeQueued);
    });
  }

  return {
    isTerminal: false,
    write(line) {
      if (!isWatched) watch();
      early.push(line);
      if (isOver || early.length > mostHeld || isTakenOver(name)) quietly(release);
    },
  };
}

function isTakenOver(name: StreamName): boolean {
  return Object.hasOwn(process[name], 'write');
}

/** A full disk of pm2's is not the app's trouble. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Nobody is left to tell.
  }
}
