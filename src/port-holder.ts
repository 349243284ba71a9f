/** Which process listens on a port, where the kernel tells (Linux, processes of the same user). */

const listens = '0A';

export interface PortHolder {
  readonly id: number;
  /** `node (process 42)`. */
  readonly text: string;
}

/** `undefined` where nobody can know. Never throws. */
export function portHolder(port: number): PortHolder | undefined {
  try {
    const inodes = socketsOn(port);
    return inodes.size === 0 ? undefined : processWith(inodes);
  } catch {
    return undefined;
  }
}

/** The process that started this one; `undefined` where nobody can know. */
export function parentOf(id: number): number | undefined {
  // The name before it is whatever the process says.
  const [, parent] = /^.*\) \S (\d+)/s.exec(readOr(`/proc/${id}/stat`)) ?? [];
  return parent === undefined ? undefined : Number(parent);
}

function fs(): typeof import('node:fs') {
  return process.getBuiltinModule('node:fs');
}

function socketsOn(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readOr(file).split('\n').slice(1));
  const rows = lines.map((line) => line.trim().split(/\s+/));
  const listening = rows.filter(([, local = '', , state]) => local.endsWith(suffix) && state === listens);
  return new Set(listening.map((row) => `socket:[${row[9]}]`));
}

function readOr(file: string): string {
  try {
    return fs().readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** A machine with more processes than this is not searched to its end: the app is waiting. */
const mostProcesses = 2_000;

function processWith(inodes: ReadonlySet<string>): PortHolder | undefined {
  const processes = fs()
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name));
  const id = processes.slice(0, mostProcesses).find((each) => holds(each, inodes));
  if (id === undefined) return undefined;
  const command = readOr(`/proc/${id}/comm`).trim() || 'a process';
  return { id: Number(id), text: `${command} (process ${id})` };
}

function holds(id: string, inodes: ReadonlySet<string>): boolean {
  try {
    return fs()
      .readdirSync(`/proc/${id}/fd`)
      .some((fd) => inodes.has(linkOr(`/proc/${id}/fd/${fd}`)));
  } catch {
    return false;
  }
}

function linkOr(path: string): string {
  try {
    return fs().readlinkSync(path);
  } catch {
    return '';
  }
}
