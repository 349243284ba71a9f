/** The Node.js versions that the end-to-end suites run on: the project's own, and under CI the others. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../nodes/node_modules');

export interface NodeVersion {
  readonly name: string;
  readonly path: string;
}

/** Under CI a version that is missing is a failure; elsewhere `npm ci --prefix test/nodes` brings them. */
function installed(names: readonly string[]): NodeVersion[] {
  const versions = names.map((name) => ({ name, path: join(folder, `node-${name}/bin/node`) }));
  const missing = versions.filter((node) => !existsSync(node.path));
  if (process.env.CI === 'true' && missing.length > 0) {
    throw new Error(`Node ${missing.map((node) => node.name).join(', ')} is missing: .ci/run installs them.`);
  }
  return versions.filter((node) => existsSync(node.path));
}

/** Those that Sonde promises to work on. */
export function nodeVersions(): NodeVersion[] {
  return [{ name: '24', path: process.execPath }, ...installed(['22.15', '22', '26'])];
}

/** Those on which the preload says one line and lets the app run. */
export function unsupportedNodeVersions(): NodeVersion[] {
  return installed(['18', '20']);
}
