/** Declarations of the doors: what tsc emits, less what no door can reach. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const types = join(root, 'dist/types');
const doors = [
  'src/index.d.ts',
  'src/register.d.ts',
  'src/testing.d.ts',
  ...['express', 'fastify', 'hono'].map((name) => `src/requests/${name}.d.ts`),
];
const specifier = /(?:from |import\(|import )'(\.[^']+)'|(?:from |import\(|import )"(\.[^"]+)"/g;

function imports(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(specifier)].map((match) =>
    resolve(dirname(file), (match[1] ?? match[2]!).replace(/\.[jt]s$/, '.d.ts')),
  );
}

function reach(file: string, seen: Set<string>): Set<string> {
  // What a doc comment's example imports looks the same and is not there.
  if (seen.has(file) || !existsSync(file)) return seen;
  seen.add(file);
  for (const next of imports(file)) reach(next, seen);
  return seen;
}

export function emitTypes(): void {
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', join(root, 'tsconfig.build.json')], {
    stdio: 'inherit',
  });
  const reached = new Set(doors.flatMap((door) => [...reach(join(types, door), new Set())]));
  for (const entry of readdirSync(types, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !reached.has(file)) rmSync(file);
  }
}
