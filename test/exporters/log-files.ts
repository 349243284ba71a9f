/** What the tests of files share: a folder, real processes that write, and what is found afterwards. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const root: string = path.join(import.meta.dirname, '..', '..');

let base: string | undefined;

/** A fresh folder, deleted when the process of the tests ends. */
export function folder(): string {
  base ??= open(fs.mkdtempSync(path.join(os.tmpdir(), 'sonde-files-')));
  return open(fs.mkdtempSync(path.join(base, 'logs-')));
}

/** A child may be another user. */
function open(dir: string): string {
  fs.chmodSync(dir, 0o755);
  return dir;
}

process.once('exit', () => base && fs.rmSync(base, { recursive: true, force: true }));

/** For the program of a child: destinations and a record to give them. */
const imports: string = [
  `import fs from 'node:fs';`,
  `import { fileDestination } from '${root}/exporters/file.ts';`,
  `import { memoryDestination } from '${root}/exporters/memory.ts';`,
  `import { httpLogDestination } from '${root}/exporters/http-log.ts';`,
  `import { recordWith } from '${root}/test/logs/captured.ts';`,
  `import { diagnostics } from '${root}/src/diagnostics.ts';`,
  `import { deliver, setSinks } from '${root}/src/logs/pipeline.ts';`,
  `import { getLogger } from '${root}/src/logs/logger.ts';`,
  '',
].join('\n');

export interface Child {
  readonly pid: number;
  /** Resolves with its first words on standard output. */
  readonly speaking: Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves when it has ended. */
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

/** Runs a program that writes. `before` is a shell command in front of it, such as `ulimit -f 100`. */
export function child(code: string, before = 'true'): Child {
  const args = [
    '-c',
    `${before}; exec "$0" --input-type=module --eval "$1"`,
    process.execPath,
    imports + code,
  ];
  const running = spawn('/bin/sh', args, { cwd: root, env: { PATH: process.env.PATH } });
  let stdout = '';
  let stderr = '';
  running.stdout.on('data', (text) => {
    stdout += text;
  });
  running.stderr.on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<Awaited<Child['ended']>>((resolve) => {
    running.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const speaking = new Promise<void>((resolve) => running.stdout.once('data', () => resolve()));
  return { pid: running.pid!, speaking, kill: (signal) => void running.kill(signal), ended };
}

/** Names in the folder, sorted; hidden ones too. */
export function names(dir: string): string[] {
  return fs.readdirSync(dir).sort();
}

/** All lines of all files of the folder, unpacked; throws on a file that does not end with a line break. */
export function linesIn(dir: string): string[] {
  return names(dir).flatMap((name) => linesOf(path.join(dir, name)));
}

export function linesOf(file: string): string[] {
  const bytes = fs.readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  if (text !== '' && !text.endsWith('\n')) throw new Error(`${file} ends in the middle of a line`);
  return text.split('\n').slice(0, -1);
}

export function sizesIn(dir: string): number[] {
  return names(dir).map((name) => fs.statSync(path.join(dir, name)).size);
}
