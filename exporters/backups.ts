/**
 * The files that a log file leaves behind: `app.log.1` to `app.log.5`, or `app.log.2026-01-20`. Every step is one
 * rename, so that a process killed between two of them leaves whole files, at worst with a gap in the numbers.
 */
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { holding } from './file-lock.ts';
import type { RolloverTimes } from './rollover-times.ts';

/** A file that is being compressed and was not touched for so long has lost whoever did it. Milliseconds. */
const abandonedAfter = 60_000;

/** Where the processes that share a log file agree. There only while one of them rotates or shares. */
export function lockPath(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.lock`);
}

/** Makes room for a new file: `.4` becomes `.5`, ..., the file itself `.1`. Only under the lock. */
export function shiftNumbers(file: string, count: number): void {
  let last = 0;
  while (last < count && exists(`${file}.${last + 1}`)) last++;
  if (last === count) remove(`${file}.${last--}`);
  for (let n = last; n >= 1; n--) move(`${file}.${n}`, `${file}.${n + 1}`);
  fs.renameSync(file, `${file}.1`);
}

/**
 * Names the file after its period and deletes what is older than the newest `count`; 0 keeps all. Says whether it
 * did: a name that is taken already is left alone. Only under the lock.
 */
export function nameByTime(file: string, times: RolloverTimes, rollover: number, count: number): boolean {
  const target = `${file}.${times.suffix(rollover)}`;
  if (exists(target)) return false;
  fs.renameSync(file, target);
  const old = count === 0 ? [] : backupsOf(file, times.pattern).slice(0, -count);
  for (const name of old) remove(name);
  return true;
}

/** The backups that are there, without `.gz`, oldest name first. */
function backupsOf(file: string, suffix: RegExp): string[] {
  const prefix = `${path.basename(file)}.`;
  const found = fs.readdirSync(path.dirname(file)).filter((name) => name.startsWith(prefix));
  const suffixes = found.map((name) => name.slice(prefix.length).replace(/\.gz$/, ''));
  return [...new Set(suffixes.filter((text) => suffix.test(text)))].sort().map((text) => `${file}.${text}`);
}

/**
 * Compresses what is not yet: `app.log.1` becomes `app.log.1.gz`. Never rejects; what it cannot do now is done after
 * the next rotation. The work is done by Node's thread pool.
 */
export async function compressBackups(file: string, suffix: RegExp = /^\d+$/): Promise<void> {
  try {
    removeDrafts(file);
    for (const backup of backupsOf(file, suffix)) {
      if (fs.existsSync(backup)) await compress(file, backup, suffix);
    }
  } catch {
    // The folder is gone, or full: the files are as good uncompressed.
  }
}

async function compress(file: string, backup: string, suffix: RegExp): Promise<void> {
  const { ino, size } = fs.statSync(backup);
  const draft = path.join(path.dirname(file), `.${path.basename(file)}.${ino}.gz`);
  const from = fs.openSync(backup, 'r');
  try {
    await pipeline(
      fs.createReadStream(backup, { fd: from, autoClose: false }),
      createGzip(),
      fs.createWriteStream(draft, { flags: 'wx' }),
    );
    holding(lockPath(file), () => settle(file, suffix, draft, ino, size));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') fs.rmSync(draft, { force: true });
  } finally {
    fs.closeSync(from);
  }
}

/** Meanwhile the file may have moved on to another name, or grown by a late line. */
function settle(file: string, suffix: RegExp, draft: string, ino: number, size: number): void {
  for (const backup of backupsOf(file, suffix)) {
    const there = fs.statSync(backup, { throwIfNoEntry: false });
    if (there?.ino !== ino || there.size !== size) continue;
    fs.renameSync(draft, `${backup}.gz`);
    fs.unlinkSync(backup);
    return;
  }
  fs.rmSync(draft, { force: true });
}

/** What processes that were killed have left. */
function removeDrafts(file: string): void {
  const folder = path.dirname(file);
  const start = `.${path.basename(file)}.`;
  for (const name of fs.readdirSync(folder)) {
    const isDraft = name.startsWith(start) && /^\d+\.gz$/.test(name.slice(start.length));
    if (isDraft && isAbandoned(path.join(folder, name))) fs.rmSync(path.join(folder, name), { force: true });
  }
}

function isAbandoned(draft: string): boolean {
  const there = fs.statSync(draft, { throwIfNoEntry: false });
  return there !== undefined && Date.now() - there.mtimeMs > abandonedAfter;
}

function exists(backup: string): boolean {
  return fs.existsSync(backup) || fs.existsSync(`${backup}.gz`);
}

function remove(backup: string): void {
  fs.rmSync(backup, { force: true });
  fs.rmSync(`${backup}.gz`, { force: true });
}

/** Both forms are there when a process was killed between making the one and deleting the other. */
function move(from: string, to: string): void {
  for (const end of ['', '.gz']) {
    if (fs.existsSync(from + end)) fs.renameSync(from + end, to + end);
  }
}
