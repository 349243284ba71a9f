/** Arms one bridge by the real dispatcher and collects what it hands on. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { type Bridge, bridgeTo } from '../../instrumentation/bridge.ts';
import type { BridgeName, BridgeWay } from '../../src/config/config.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { type ArmedProcess, armed } from './armed.ts';

const root = join(import.meta.dirname, '../..');

export interface BridgedProcess extends ArmedProcess {
  /** What was handed on so far. */
  readonly records: LogRecord[];
}

export interface BridgedOptions {
  /** Both by default. */
  readonly ways?: readonly BridgeWay[];
  readonly level?: string;
}

/** `stop()` disarms it and gives the sinks back. */
export function bridged(
  name: BridgeName,
  make: (bridge: Bridge) => Instrumentation,
  { ways = ['send', 'inject'], level = 'trace' }: BridgedOptions = {},
): BridgedProcess {
  const { config } = resolveConfig({ bridges: { level, [name]: ways } }, {});
  const records: LogRecord[] = [];
  const sinks = setSinks([(record) => void records.push(record)]);
  const process = armed([make(bridgeTo(name, config))]);
  return {
    ...process,
    records,
    async stop() {
      setSinks(sinks);
      await process.stop();
    },
  };
}

/**
 * A `require` of an app that has this package of the project's node_modules under its own name, as a copy of its own:
 * `requireOf('pino-9')('pino')`.
 */
export function requireOf(installed: string): (name: string) => any {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sonde-bridge-')));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const from = join(root, 'node_modules', installed);
  const modules = join(folder, 'node_modules');
  const { name, dependencies } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  cpSync(from, join(modules, name), { recursive: true });
  for (const dependency of Object.keys(dependencies ?? {})) {
    const nested = join(from, 'node_modules', dependency);
    const target = existsSync(nested) ? nested : join(root, 'node_modules', dependency);
    mkdirSync(dirname(join(modules, dependency)), { recursive: true });
    symlinkSync(target, join(modules, dependency));
  }
  return createRequire(join(folder, 'app.cjs'));
}

/** A stream for the lines that a library writes. */
export function lineSink(): { readonly stream: Writable; readonly lines: string[] } {
  const lines: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      lines.push(...String(chunk).split('\n').filter(Boolean));
      done();
    },
  });
  return { stream, lines };
}
