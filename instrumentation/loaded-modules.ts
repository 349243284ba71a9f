/** Questions about loaded modules, answered without loading anything. */
import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, isAbsolute, join, sep } from 'node:path';

/** Only for its cache and its resolution; nothing is ever loaded through it. */
const bystander = createRequire(process.execPath);
const folder = `${sep}node_modules${sep}`;

/** CommonJS modules of the process by path, those still loading included. */
export const moduleCache: NodeJS.Dict<NodeModule> = bystander.cache;

/** What the loaded CommonJS files export whose paths match: classes that a package keeps to itself. */
export function loadedExports(path: RegExp): any[] {
  return Object.entries(moduleCache).flatMap(([at, module]) =>
    path.test(at) && module?.exports ? [module.exports] : [],
  );
}

/** The CommonJS file that `id` means in `parent`; `undefined` when there is none. */
export function resolveFrom(parent: string | undefined, id: string): string | undefined {
  try {
    return (parent !== undefined && isAbsolute(parent) ? createRequire(parent) : bystander).resolve(id);
  } catch {
    return undefined;
  }
}

/** The package a file belongs to, read from its path. */
export function packageOf(path: string): string | undefined {
  const at = path.lastIndexOf(folder);
  if (at < 0) return undefined;
  const [first, second] = path.slice(at + folder.length).split(sep, 2);
  return first?.startsWith('@') ? `${first}/${second}` : first;
}

/** Whether `path` is what `require(id)` gives to those beside the package; `id` may name an entry of the package. */
export function isMainOf(path: string, id: string): boolean {
  return resolveFrom(path, id) === path;
}

/** Version of the package `name` that the file belongs to. Reads the disk. */
export function versionOf(name: string, path: string): string | undefined {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    try {
      const manifest = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
      if (manifest.name === name) return manifest.version;
    } catch {
      // Most folders have no package.json; go on upward.
    }
  }
  return undefined;
}

/** `http` is also `node:http`; `node:sqlite` has one name only. */
export function spellings(specifier: string): readonly string[] {
  if (!isBuiltin(specifier)) return [specifier];
  const bare = specifier.replace(/^node:/, '');
  return isBuiltin(bare) ? [bare, `node:${bare}`] : [specifier];
}

/** Node's own list; where it is absent, the hooks still see later loads. */
export function isLoadedBuiltin(id: string): boolean {
  const list = (process as { moduleLoadList?: readonly string[] }).moduleLoadList;
  return isBuiltin(id) && (list?.includes(`NativeModule ${id.replace(/^node:/, '')}`) ?? false);
}
