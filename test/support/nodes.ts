/** The Node.js versions that the end-to-end suites run on: the project's own, and under CI the others. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../nodes/node_modules');

export interface NodeVersion {
  readonly name: string;
  readonly path: string;
}

const others = ['22.15', '22', '26'].map((name) => ({ name, path: join(folder, `node-${name}/bin/node`) }));

/** Under CI a version that is missing is a failure; elsewhere `npm install --prefix test/nodes` brings them. */
export function nodeVersions(): NodeVersion[] {
  const own = { name: '24', path: process.execPath };
  const missing = others.filter((node) => !existsSync(node.path));
  if (process.env.CI === 'true' && missing.length > 0) {
    throw new Error(
      `Node ${missing.map((node) => node.name).join(', ')} is missing: run .ci/run, it installs them.`,
    );
  }
  return [own, ...others.filter((node) => existsSync(node.path))];
}
