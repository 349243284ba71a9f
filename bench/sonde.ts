/** Installs Sonde into this folder the way a user gets it: packed, from the tarball. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { home } from './contenders.ts';

const root = path.dirname(home);

/** Packs the repository's build and installs it. Returns one sentence that says what is measured. */
export function installSonde(): string {
  rmSync(`${home}/node_modules/sonde`, { recursive: true, force: true });
  if (!existsSync(`${root}/dist`)) return 'Sonde is not built (`npm run build`); its rows are left out.';
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    const packed = npm(root, 'pack', '--json', '--pack-destination', folder);
    const [{ filename, version }] = Object.values(JSON.parse(packed)) as {
      filename: string;
      version: string;
    }[];
    npm(home, 'install', '--no-save', '--no-audit', '--no-fund', path.join(folder, filename));
    return `Sonde ${version}, from its packed tarball.`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
