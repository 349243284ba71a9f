/** A logger's name from the module that asks for it, as Python's `__name__` (A3). */
import { readFileSync } from 'node:fs';
import { dirname, join, parse, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What names a module: `import.meta`, or CommonJS' `module`. */
export interface ModuleLike {
  readonly url?: string;
  readonly filename?: string | null;
  readonly id?: string;
}

/** Folders that say how the code is kept, not what it is. */
const keptIn = new Set(['src', 'dist', 'lib', 'build', 'out']);

/** `shop.orders.api` for `src/orders/api.ts` of package `shop`; `app` when nothing can be found. */
export function moduleName(module: ModuleLike): string {
  try {
    const file = module.url === undefined ? module.filename : fileURLToPath(module.url);
    return file ? nameOfFile(file) : 'app';
  } catch {
    return 'app';
  }
}

function nameOfFile(file: string): string {
  const home = packageOf(dirname(file));
  const { dir, name } = parse(home === undefined ? parse(file).base : relative(home.folder, file));
  const parts = dir.split(sep).filter((part) => part !== '');
  if (keptIn.has(parts[0] ?? '')) parts.shift();
  if (name !== 'index' || parts.length === 0) parts.push(name);
  return [home?.name, ...parts]
    .filter((part) => part !== undefined)
    .map((part) => part.replaceAll('.', '_'))
    .join('.');
}

function packageOf(folder: string): { folder: string; name: string } | undefined {
  const name = nameIn(folder);
  if (name !== undefined) return { folder, name };
  const parent = dirname(folder);
  return parent === folder ? undefined : packageOf(parent);
}

/** The scope of a package is its owner: `@acme/shop` is `shop`. */
function nameIn(folder: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name.slice(name.indexOf('/') + 1) : undefined;
  } catch {
    return undefined;
  }
}
