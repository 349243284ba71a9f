/**
 * The `@opentelemetry/api` that everything in the bundle uses: the app's own copy when it is newer than ours or
 * loaded already, else ours. The API's version check is an exact lock, so the newest copy has to be the one that
 * registers. The build replaces every import of `@opentelemetry/api` by this file.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import * as own from '@opentelemetry/api';

const require = createRequire(import.meta.url);
/** Put in by the build. */
declare const __SONDE_API_VERSION__: string;
const ownVersion = __SONDE_API_VERSION__;
const folder = `${sep}@opentelemetry${sep}api${sep}`;

type Api = typeof own;
type Copy = { readonly file: string; readonly version: string };

/** `1.10.2` against `1.9.0`: positive when `a` is newer. Another major never is. */
function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map((version) => version.split('.').map((part) => Number.parseInt(part, 10)));
  if (x![0] !== y![0]) return -1;
  return x![1]! - y![1]! || x![2]! - y![2]!;
}

function copyAt(file: string): Copy | undefined {
  const root = file.slice(0, file.lastIndexOf(folder) + folder.length);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { file, version };
}

function installedCopy(): Copy | undefined {
  try {
    const file = createRequire(process.argv[1] ?? join(process.cwd(), 'x')).resolve('@opentelemetry/api');
    return file.includes(folder) ? copyAt(file) : undefined;
  } catch {
    return undefined;
  }
}

/** The newest of those that are loaded: an older one takes what a newer registers, never the other way round. */
function loadedCopy(): Copy | undefined {
  try {
    const files = Object.keys(require.cache).filter(
      (name) => name.includes(folder) && /index\.c?js$/.test(name.slice(name.lastIndexOf(folder))),
    );
    const copies = files.map(copyAt).filter((copy) => copy !== undefined);
    return copies.sort((a, b) => compareVersions(b.version, a.version))[0];
  } catch {
    return undefined;
  }
}

function newest(): Api {
  const loaded = loadedCopy();
  if (loaded && compareVersions(loaded.version, ownVersion) >= 0) return require(loaded.file) as Api;
  const installed = installedCopy();
  if (installed && compareVersions(installed.version, ownVersion) > 0) return require(installed.file) as Api;
  return own;
}

const chosen: Api = newest();
export default chosen;
