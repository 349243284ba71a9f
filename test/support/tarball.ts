/** The packed tarball, installed as a user would have it: what the end-to-end suites run against. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');
let packed: string | undefined;

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function scratch(name: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `sonde-${name}-`)));
  folders.push(folder);
  return folder;
}

/** Packs once per test run; gives back the unpacked package folder. */
export function packedSonde(): string {
  if (packed !== undefined) return packed;
  if (!existsSync(join(root, 'dist/index.cjs')))
    throw new Error('dist is missing: run `npm run build` first.');
  const folder = scratch('pack');
  const out = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ filename }] = JSON.parse(out);
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', folder]);
  packed = join(folder, 'package');
  return packed;
}

/**
 * A fresh app folder with Sonde from the tarball and these packages from the project's own node_modules
 * (by name, or as `{ express: 'express-4' }`), and the
 * files of `files` (a folder) copied in. `package.json` names the app `name`.
 */
export function appFolder(
  packages: readonly string[] | Readonly<Record<string, string>> = [],
  files?: string,
): string {
  const folder = scratch('app');
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  cpSync(packedSonde(), join(modules, 'sonde'), { recursive: true });
  const named = Array.isArray(packages) ? packages.map((name) => [name, name]) : Object.entries(packages);
  for (const [name, installed] of [['@opentelemetry/api', '@opentelemetry/api'], ...named]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', installed), join(modules, name));
  }
  if (files !== undefined) cpSync(files, folder, { recursive: true });
  return folder;
}
