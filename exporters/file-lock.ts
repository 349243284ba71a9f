/**
 * One process at a time, for as long as a function runs. The lock is a symbolic link whose target names its owner:
 * made and named in one step, so that a process killed anywhere leaves a lock that tells who is dead.
 */
import fs from 'node:fs';
import os from 'node:os';
import { isAlive } from '../src/process-life.ts';

/** Milliseconds. Nobody holds the lock longer than a few renames take. */
const longestWait = 1000;
const longestHold = 10_000;
const breath = 0.1;
const patientAfter = 10;
const judgeEvery = 100;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let holds = 0;

/**
 * Runs `work` while no other process does under the same `path`. Where no lock can be made (a folder without the
 * right to write, a file system without links) it runs all the same: what it renames will then fail by itself.
 *
 * @throws what `work` throws; an error with code `ELOCKED` when the lock stays another's for a second
 */
export function holding<T>(path: string, work: () => T): T {
  const owner = `${place()} ${process.pid} ${++holds}`;
  const held = acquire(path, owner);
  try {
    return work();
  } finally {
    if (held) release(path, owner);
  }
}

function acquire(path: string, owner: string): boolean {
  const end = performance.now() + longestWait;
  for (let tries = 1; ; tries++) {
    try {
      fs.symlinkSync(owner, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
    if (tries % judgeEvery === 0 && isAbandoned(path)) clear(path);
    else if (performance.now() > end) throw lockedOut(path);
    else if (tries > patientAfter) Atomics.wait(sleeper, 0, 0, breath);
  }
}

function release(path: string, owner: string): void {
  try {
    if (fs.readlinkSync(path) === owner) fs.unlinkSync(path);
  } catch {
    // Somebody took it for abandoned.
  }
}

function lockedOut(path: string): Error {
  return Object.assign(new Error(`ELOCKED: another process holds ${path}`), { code: 'ELOCKED' });
}

/** Its owner is dead, or has it for far too long: an owner in another container cannot be asked. */
function isAbandoned(path: string): boolean {
  try {
    const [where, pid] = fs.readlinkSync(path).split(' ');
    if (where === place() && Number(pid) !== process.pid && !isAlive(Number(pid))) return true;
    return isOld(path);
  } catch {
    return false;
  }
}

/** Two who clear at once would take the new lock of whoever is faster: the judgement is made anew under a guard. */
function clear(path: string): void {
  const guard = `${path}.guard`;
  try {
    fs.symlinkSync('guard', guard);
  } catch {
    if (isOld(guard)) fs.rmSync(guard, { force: true });
    return;
  }
  try {
    if (isAbandoned(path)) fs.unlinkSync(path);
  } catch {
    // Released meanwhile.
  } finally {
    fs.rmSync(guard, { force: true });
  }
}

function isOld(path: string): boolean {
  try {
    return Date.now() - fs.lstatSync(path).mtimeMs > longestHold;
  } catch {
    return false;
  }
}

let here: string | undefined;

/** Where a process id means something: the machine and its pid namespace. */
function place(): string {
  here ??= `${os.hostname().replaceAll(' ', '_')}/${pidNamespace()}`;
  return here;
}

function pidNamespace(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    return '-';
  }
}
