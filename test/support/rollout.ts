/** Sonde for a whole machine: the unpacked tarball outside every app, named by absolute path in NODE_OPTIONS. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { NodeVersion } from './nodes.ts';
import type { OtlpSink } from './otlp-sink.ts';
import { packedSonde } from './tarball.ts';

/** A folder of its own, with these files; paths may name folders. The caller removes it. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rollout-')));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** What the person who rolls out sets for every process of the machine. */
export function machineWide(sink: OtlpSink, node: NodeVersion): Record<string, string> {
  return {
    NODE_OPTIONS: `--require ${join(packedSonde(), 'dist/register.cjs')}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
    ...pathOf(node),
  };
}

/** `node`, as npm's scripts call it, is this one. */
export function pathOf(node: NodeVersion): Record<string, string> {
  return { PATH: `${dirname(node.path)}:${process.env.PATH}` };
}

/** The app's own copy of Sonde, as if another version had been published. */
export function installCopy(app: string, version: string): void {
  const target = join(app, 'node_modules/sonde');
  cpSync(packedSonde(), target, { recursive: true });
  const [major] = version.split('.');
  // The first published major is 0, its slot is 1: slots count what cannot run together.
  const slot = major === '0' ? '1' : major;
  for (const name of readdirSync(target, { recursive: true, encoding: 'utf8' })) {
    if (!/\.cjs$|^package\.json$/.test(name)) continue;
    const file = join(target, name);
    const text = readFileSync(file, 'utf8')
      .replaceAll('"sonde.1"', `"sonde.${slot}"`)
      .replaceAll('"0.1.0"', `"${version}"`);
    writeFileSync(file, text);
  }
}

/** Every value that the resources of what came in have under `name`. */
export function resourceValues(sink: OtlpSink, name: string): string[] {
  const items = [...sink.spans(), ...sink.logs(), ...sink.metrics()];
  return [...new Set(items.map((item) => String(item.resource[name])))];
}
