/**
 * Where the spools of one user's processes live: `<dir>/sonde-<uid>/<service>-<boot>-<instance>/`, one folder a
 * process. Whose owner lives is asked of the kernel: each owner listens on a socket in its folder, and a socket's
 * listener dies with its process, however that ends, in whatever container, whoever gets its pid next. A dead
 * owner's folder is adopted by renaming it into one's own, and of all who try one succeeds: a rename happens once.
 */
import { createHash, randomBytes } from 'node:crypto';
import fs, { constants } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

/** Milliseconds. Where no socket can tell (another machine's volume, a file system without sockets) its beat does. */
export const beatMillis = 15_000;
const silentMillis = 4 * beatMillis;
/** A connection that neither comes about nor fails: somebody is there and busy. */
const askMillis = 2000;

const lockName = 'lock';
const unbornMark = 'new-';
const instanceName = /^([0-9a-f]{8})-([0-9a-f]{8})-[0-9a-f]{16}$/;

export interface Home {
  /** This process's own folder. */
  readonly folder: string;
  /** Takes over what dead processes of the same service left: their files in the order of writing. */
  adopt(): Promise<string[]>;
  /** A sign of life, for those who cannot ask. False when the folder is gone. */
  beat(): boolean;
  /** The folder goes to whoever comes next, or, where nothing is left in it, away. */
  leave(): void;
}

/** What stands in the way of a spool, and what to do. */
class HomeError extends Error {}

/**
 * Makes this process's folder in `dir`, which may belong to anybody; what is made in it belongs to this user alone.
 *
 * @throws HomeError where another user or a link stands in its place; what the file system says otherwise
 */
export function openHome(dir: string, service: string): Home {
  makeFolder(dir);
  const base = openBase(`${dir}/sonde-${process.geteuid?.() ?? 'user'}`);
  const name = `${digest(service)}-${boot()}-${randomBytes(8).toString('hex')}`;
  const folder = `${base.path}/${name}`;
  const unborn = `${base.path}/${unbornMark}${name}`;
  try {
    // With its lock from the first moment on: without one it would look like a dead one's.
    fs.mkdirSync(unborn, 0o700);
    const lock = listen(`${unborn}/${lockName}`);
    fs.renameSync(unborn, folder);
    return {
      folder,
      adopt: () => adoptAll(base.path, name),
      beat: () => beat(folder),
      leave() {
        lock?.close();
        clear(folder);
        base.close();
      },
    };
  } catch (error) {
    clear(unborn);
    base.close();
    throw error;
  }
}

/** Node's own recursion never comes back from a file system that makes no folders, such as /proc. */
function makeFolder(dir: string): void {
  if (fs.existsSync(dir)) return;
  makeFolder(path.dirname(dir));
  try {
    fs.mkdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

interface Base {
  readonly path: string;
  close(): void;
}

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = constants;

/**
 * The folder of this user. Where the system can, it is held open and gone to by its descriptor: whoever may write in
 * `dir` could put a link in its place later on, and a socket's path has little room.
 */
function openBase(folder: string): Base {
  try {
    fs.mkdirSync(folder, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const link = fs.lstatSync(folder);
  if (!link.isDirectory())
    throw new HomeError(`${folder} is a link or a file and not a folder of Sonde's own`);
  const user = process.geteuid?.();
  if (user === undefined) return { path: folder, close: () => undefined };
  const fd = fs.openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { uid, mode } = fs.fstatSync(fd);
    if (uid !== user) throw new HomeError(`${folder} belongs to uid ${uid}, not to ${user}`);
    if ((mode & 0o077) !== 0) fs.fchmodSync(fd, 0o700);
    const held = `/proc/self/fd/${fd}`;
    if (fs.existsSync(held)) return { path: held, close: () => fs.closeSync(fd) };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  fs.closeSync(fd);
  return { path: folder, close: () => undefined };
}

/** `undefined` where the file system knows no sockets: then the beat is the only sign of life. */
function listen(socket: string): net.Server | undefined {
  if (Buffer.byteLength(socket) > 100) return undefined;
  const server = net.createServer((visitor) => visitor.destroy());
  server.on('error', () => undefined);
  // Exclusive: the primary of a cluster would listen in its worker's place, and outlive it.
  server.listen({ path: socket, exclusive: true });
  server.unref();
  return server.listening ? server : undefined;
}

async function adoptAll(base: string, own: string): Promise<string[]> {
  const [service] = instanceName.exec(own)?.slice(1) ?? [];
  const adopted: string[][] = [];
  for (const name of fs.readdirSync(base)) {
    const [, theirs, theirBoot] = instanceName.exec(name.replace(unbornMark, '')) ?? [];
    if (name === own || theirs !== service) continue;
    if (!(await isDead(`${base}/${name}`, theirBoot === boot(), `${base}/${own}`))) continue;
    if (name.startsWith(unbornMark)) clear(`${base}/${name}`);
    else adopted.push(...take(`${base}/${name}`, `${base}/${own}/${name}`));
  }
  return adopted.sort((a, b) => ageOf(b) - ageOf(a)).flat();
}

function ageOf([first]: readonly string[]): number {
  const written = first && fs.statSync(first, { throwIfNoEntry: false })?.mtimeMs;
  return Date.now() - (written || 0);
}

/** Moves a dead one's folder into one's own, then those that it had taken itself beside it. */
function take(from: string, to: string): string[][] {
  try {
    fs.renameSync(from, to);
  } catch {
    // Somebody was faster.
    return [];
  }
  const own = to.slice(0, to.lastIndexOf('/'));
  const entries = fs.readdirSync(to, { withFileTypes: true });
  const inner = entries.filter((entry) => entry.isDirectory() && instanceName.test(entry.name));
  const earlier = inner.flatMap(({ name }) => take(`${to}/${name}`, `${own}/${name}`));
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => `${to}/${name}`);
  return [...earlier, files.sort()];
}

async function isDead(folder: string, sameKernel: boolean, clock: string): Promise<boolean> {
  const answer = sameKernel ? await ask(`${folder}/${lockName}`) : 'ECONNREFUSED';
  if (answer === 'ECONNREFUSED' && sameKernel) return true;
  // A socket of another kernel refuses whether its owner lives or not.
  if (answer === 'ECONNREFUSED' || answer === 'ENOENT') return isSilent(folder, clock);
  return false;
}

/** `alive`, or the error's code. */
function ask(address: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(address);
    socket.unref();
    const timer = setTimeout(() => answer('ETIMEDOUT'), askMillis).unref();
    const answer = (word: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(word);
    };
    socket.once('connect', () => answer('alive'));
    socket.on('error', (error: NodeJS.ErrnoException) => answer(error.code ?? 'unknown'));
  });
}

/** By the clock of the file system that both write to. */
function isSilent(folder: string, clock: string): boolean {
  try {
    beat(clock);
    return fs.statSync(clock).mtimeMs - fs.statSync(folder).mtimeMs > silentMillis;
  } catch {
    return false;
  }
}

/** A folder that comes and goes leaves the time in its parent. */
function beat(folder: string): boolean {
  try {
    fs.mkdirSync(`${folder}/beat`);
    fs.rmdirSync(`${folder}/beat`);
    return true;
  } catch {
    return false;
  }
}

/** Takes away what is empty, inside first. Where something is left the lock tells a successor that nobody holds it. */
function clear(folder: string): void {
  try {
    const entries = fs.readdirSync(folder, { withFileTypes: true });
    for (const entry of entries) if (entry.isDirectory()) clear(`${folder}/${entry.name}`);
    if (fs.readdirSync(folder).some((name) => name !== lockName)) return;
    fs.rmSync(`${folder}/${lockName}`, { force: true });
    fs.rmdirSync(folder);
  } catch {
    // It is gone already, or written to by somebody who holds it for dead.
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

let thisBoot: string | undefined;

/** Which run of which kernel this is. */
function boot(): string {
  thisBoot ??= digest(bootId());
  return thisBoot;
}

function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
  } catch {
    return os.hostname();
  }
}
