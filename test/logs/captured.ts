/** What these tests share: the records that a function logs, and the lines that a child process prints. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { stampOf } from '../../src/context/correlation.ts';
import { setProcessors, setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';

const root = path.join(import.meta.dirname, '..', '..');

/** The records that `fn` logs, and nothing printed meanwhile. */
export function captured(fn: () => void): LogRecord[] {
  const records: LogRecord[] = [];
  const before = setSinks([(record) => void records.push(record)]);
  try {
    fn();
  } finally {
    setSinks(before);
    setProcessors([]);
  }
  return records;
}

/** The formats that are other loggers' lines. */
export const presetNames = ['otlp-json', 'pino', 'ecs', 'structlog', 'django'] as const;

/** A record born outside any unit of work. */
export function recordWith(parts: Partial<LogRecord> = {}): LogRecord {
  return {
    time: Date.UTC(2026, 0, 21, 10, 30, 0, 123),
    level: 'INFO',
    severityNumber: 9,
    logger: 'shop.orders',
    message: 'order created',
    stamp: stampOf(ROOT_CONTEXT),
    context: ROOT_CONTEXT,
    ...parts,
  };
}

export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
  /** Standard output's lines, parsed. */
  readonly lines: Record<string, any>[];
}

/** Runs a module that may say `getLogger`, `startSinks`, `consoleSink`, `setLevel`, and gives what it printed. */
export function run(code: string, env: NodeJS.ProcessEnv = {}, flags: readonly string[] = []): Printed {
  const child = spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', imports + code], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  });
  const lines = child.stdout.split('\n').filter((line) => line.startsWith('{'));
  return { ...child, lines: lines.map((line) => JSON.parse(line) as Record<string, any>) };
}

/** For programs that need a shell around them. */
export const imports: string = [
  `import { getLogger, setLevel } from '${root}/src/logs/logger.ts';`,
  `import { startSinks } from '${root}/src/logs/early.ts';`,
  `import { addSink, setSinks } from '${root}/src/logs/pipeline.ts';`,
  `import { consoleSink } from '${root}/exporters/console.ts';`,
  `import { diagnostics } from '${root}/src/diagnostics.ts';`,
  '',
].join('\n');
