/** Packages of the project's node_modules under their own names: several versions of one library in one process. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '../..');

/** Version in the package.json of what is installed under this name. */
export function versionOf(installed: string): string {
  return manifestOf(installed).version;
}

function manifestOf(installed: string): any {
  return JSON.parse(readFileSync(join(root, 'node_modules', installed, 'package.json'), 'utf8'));
}

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Folder of an app that has this package under its own name, as a copy of its own. */
function appWith(installed: string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sonde-app-')));
  folders.push(folder);
  const from = join(root, 'node_modules', installed);
  const modules = join(folder, 'node_modules');
  const { name, dependencies } = manifestOf(installed);
  // Packages inside of it stay where they are, beside what they need.
  const inner = join(from, 'node_modules');
  cpSync(from, join(modules, name), { recursive: true, filter: (path) => path !== inner });
  for (const dependency of Object.keys(dependencies ?? {})) {
    const nested = join(inner, dependency);
    const target = existsSync(nested) ? nested : join(root, 'node_modules', dependency);
    mkdirSync(dirname(join(modules, dependency)), { recursive: true });
    symlinkSync(target, join(modules, dependency));
  }
  return folder;
}

/** A `require` of an app that has this package under its own name: `requireOf('pino-9')('pino')`. */
export function requireOf(installed: string): (name: string) => any {
  return createRequire(join(appWith(installed), 'app.cjs'));
}

/** The same for an ES module: what `import * as all from name` gives it. */
export function importOf(installed: string): (name: string) => Promise<any> {
  const folder = appWith(installed);
  return async (name) => {
    const app = join(folder, `${name.replaceAll('/', '-')}.mjs`);
    writeFileSync(app, `export * as all from '${name}';\n`);
    return (await import(pathToFileURL(app).href)).all;
  };
}
