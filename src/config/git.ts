/** Which commit is checked out, read from Git's own files: nothing is spawned (A61). */
import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const commit = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** The full hash of the commit that the folder is a checkout of; `undefined` where it is none, or none can be read. */
export function commitOf(folder: string): string | undefined {
  try {
    const home = homeAbove(folder);
    if (home === undefined) return undefined;
    const head = read(join(home, 'HEAD')) ?? '';
    const ref = /^ref: (refs\/[^\0]+)$/.exec(head)?.[1];
    const found = ref === undefined ? head : tipOf(ref, home);
    return found !== undefined && commit.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** `.git` is a folder, and in a worktree or a submodule a file that names one. */
function homeAbove(folder: string): string | undefined {
  for (let at = folder, last = ''; at !== last; last = at, at = dirname(at)) {
    const place = join(at, '.git');
    const stat = fs.statSync(place, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return place;
    const named = stat?.isFile() ? /^gitdir: (.+)$/.exec(read(place) ?? '')?.[1] : undefined;
    if (named !== undefined) return resolve(at, named);
  }
  return undefined;
}

/** A branch is a file of its own until Git packs it among others; those of a worktree are kept in the main folder. */
function tipOf(ref: string, home: string): string | undefined {
  const common = resolve(home, read(join(home, 'commondir')) ?? '.');
  return read(join(home, ref)) ?? read(join(common, ref)) ?? packed(ref, common);
}

function packed(ref: string, common: string): string | undefined {
  const lines = (read(join(common, 'packed-refs')) ?? '').split('\n');
  return lines.find((line) => line.endsWith(` ${ref}`))?.slice(0, -ref.length - 1);
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
