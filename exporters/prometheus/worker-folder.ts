/**
 * A folder that the workers of one primary share, where that primary runs no Sonde: who is there, what each had counted when
 * it last told, and the sum of those that are gone. Only this user may read it, and no secret is in it.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import type { CollectedScope } from '../../src/metrics/collected.ts';
import { isAlive } from '../../src/process-life.ts';
import { addUp, lasting } from './merge.ts';

/** What the dead have counted. */
export interface Buried {
  /** Whoever is named here is in the sum, and is not added again. */
  readonly ids: readonly string[];
  readonly scopes: readonly CollectedScope[];
}

/** How many of the dead are remembered by name: longer than any of them can still be asked for. */
const mostIds = 200;
/** At the end of a process nothing else may be waited for. Milliseconds. */
const lockPatienceMillis = 300;
const longestWriteMillis = 10_000;
const staleMillis = 86_400_000;
const buriedName = 'gone.json';
const prefix = 'sonde-workers-';

export class WorkerFolder {
  readonly #path: string;
  #told = 0;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * The folder of the workers that run `script` for the process `primary`.
   *
   * @throws what the file system says, and an Error where the folder belongs to somebody else
   */
  static open(primary: number, script: string): WorkerFolder {
    const base = os.tmpdir();
    const path = join(
      base,
      `${prefix}${primary}-${createHash('sha256').update(script).digest('hex').slice(0, 8)}`,
    );
    removeStale(base);
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    const found = fs.lstatSync(path);
    const isOurs = found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0;
    if (!isOurs) throw new Error(`${path} is not a folder of this user alone`);
    return new WorkerFolder(path);
  }

  socketOf(id: string): string {
    return join(this.#path, `${id}.sock`);
  }

  /** Whoever has listened and has not said farewell. */
  ids(): string[] {
    return this.#names()
      .filter((name) => name.endsWith('.sock'))
      .map((name) => name.slice(0, -'.sock'.length));
  }

  /** None where somebody has cleared the temporary files away. */
  #names(): string[] {
    try {
      return fs.readdirSync(this.#path);
    } catch {
      return [];
    }
  }

  /** Keeps what a worker tells for the case that it is killed before it tells again. */
  async remember(id: string, text: string): Promise<void> {
    // Two that ask at once must not write into one file.
    const part = join(this.#path, `${id}-${++this.#told}.part`);
    await fs.promises.writeFile(part, text, { mode: 0o600 });
    await fs.promises.rename(part, this.#lastOf(id));
  }

  /** What it told last; nothing where it never did. */
  last(id: string): readonly CollectedScope[] {
    return this.#read<CollectedScope[]>(this.#lastOf(id)) ?? [];
  }

  buried(): Buried {
    return this.#read<Buried>(join(this.#path, buriedName)) ?? { ids: [], scopes: [] };
  }

  /** Adds what a dead worker has counted to the sum, once. False where another process is at it for too long, or the disk is full. */
  bury(id: string, scopes: readonly CollectedScope[], patienceMillis: number = lockPatienceMillis): boolean {
    const lock = join(this.#path, 'lock');
    if (!takeLock(lock, patienceMillis)) return false;
    try {
      const before = this.buried();
      if (!before.ids.includes(id)) this.#write(before, id, scopes);
      for (const file of [this.socketOf(id), this.#lastOf(id)]) fs.rmSync(file, { force: true });
      return true;
    } catch {
      return false;
    } finally {
      fs.rmSync(lock, { force: true });
    }
  }

  /** In one step, so that whoever reads sees the sum before or after, and never half of it. */
  #write({ ids, scopes: before }: Buried, id: string, scopes: readonly CollectedScope[]): void {
    const sum: Buried = {
      ids: [...ids, id].slice(-mostIds),
      scopes: addUp([{ scopes: before }, { scopes: lasting(scopes) }]),
    };
    const file = join(this.#path, buriedName);
    fs.writeFileSync(`${file}.part`, JSON.stringify(sum), { mode: 0o600 });
    fs.renameSync(`${file}.part`, file);
  }

  #lastOf(id: string): string {
    return join(this.#path, `${id}.json`);
  }

  #read<T>(file: string): T | undefined {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'));
    } catch {
      return undefined;
    }
  }
}

/** The lock is a file with the process that has it; of a dead one it is taken away. */
function takeLock(file: string, patienceMillis: number): boolean {
  const end = performance.now() + patienceMillis;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
      if (!isHeld(file)) fs.rmSync(file, { force: true });
      else if (performance.now() >= end) return false;
      else Atomics.wait(pause, 0, 0, 5);
    }
  }
}

/** A lock that is empty is being written just now; one that stays so was left by a full disk. */
function isHeld(file: string): boolean {
  try {
    const holder = Number(fs.readFileSync(file, 'utf8'));
    return holder > 0 ? isAlive(holder) : Date.now() - fs.statSync(file).mtimeMs < longestWriteMillis;
  } catch {
    return true;
  }
}

/** Folders of primaries that are long gone. */
function removeStale(base: string): void {
  for (const name of fs.readdirSync(base).filter((each) => each.startsWith(prefix))) {
    const path = join(base, name);
    const pid = Number(name.slice(prefix.length).split('-')[0]);
    try {
      const { uid, mtimeMs } = fs.lstatSync(path);
      const isStale = uid === process.geteuid?.() && Date.now() - mtimeMs > staleMillis && !isAlive(pid);
      if (isStale) fs.rmSync(path, { recursive: true, force: true });
    } catch {
      // Somebody else was faster.
    }
  }
}
