/** `npm run check:package`: the packed tarball, judged by publint and attw. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'sonde-check-'));
const run = (command: string, args: string[]): void => {
  execFileSync(join(root, 'node_modules/.bin', command), args, { cwd: root, stdio: 'inherit' });
};

try {
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }));
  const tarball = join(folder, filename);
  run('publint', [tarball, '--strict']);
  run('attw', [tarball, '--profile', 'node16']);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
