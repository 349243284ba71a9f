/** Installs Sonde into this folder the way a user gets it: packed, from the tarball. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { home } from './contenders.ts';

const root = path.dirname(home);

/** Packs the build in `dist` and installs it. Returns one sentence that says what is measured. */
export function installSonde(): string {
  rmSync(`${home}/node_modules/sonde`, { recursive: true, force: true });
  if (!existsSync(`${root}/dist/register.cjs`))
    return 'Sonde is not built (`npm run build`); its rows are left out.';
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    npm(root, 'pack', '--ignore-scripts', '--pack-destination', folder);
    const tarball = path.join(folder, readdirSync(folder)[0]!);
    npm(home, 'install', '--no-save', '--no-audit', '--no-fund', tarball);
    return `Sonde from its packed tarball, ${(statSync(tarball).size / 1024 / 1024).toFixed(1)} MB.`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function npm(cwd: string, ...args: string[]): void {
  execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
}
