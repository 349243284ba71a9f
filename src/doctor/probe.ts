/**
 * Looks at the app from inside its process, preloaded by the doctor before all else. It imports nothing of Sonde: what it
 * finds must be what is there without it; for that reason alone it reads its two variables from `process.env` itself.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Core } from '../core.ts';
import type { Sonde, Status } from '../sonde.ts';

export interface ProbeReport {
  readonly version: string;
  readonly flags: readonly string[];
  /** How Sonde is there; absent where it is not. */
  readonly status?: Status;
  /** Packages of which a file was loaded before Sonde. */
  readonly early: readonly string[];
  /** Of the span in which the doctor's own record and measurement were made. */
  readonly ids?: { readonly traceId: string; readonly spanId: string };
  readonly checks: readonly { readonly name: string; readonly millis: number }[];
  /** By kind, whether a callback runs in the context of its call. */
  readonly pools: readonly { readonly kind: string; readonly isKept: boolean }[];
}

/** The parts of Sonde's place in the process that are looked at. */
interface Slot {
  readonly core?: Core;
  readonly running?: { readonly sonde?: Sonde };
  readonly 'health checks'?: ReadonlyMap<string, { ask(): Promise<unknown> }>;
  readonly pools?: { readonly references: ReadonlyMap<string, readonly WeakRef<object>[]> };
}

const { SONDE_DOCTOR_FOLDER: folder, SONDE_DOCTOR_MILLIS: millis } = process.env;
const slot = (): Slot => (globalThis as Record<symbol, Slot>)[Symbol.for('sonde.1')] ?? {};
let begun = false;

/** The cache keeps the order of loading; the probe is a file of Sonde's too. */
function loadedEarly(): string[] {
  const files = Object.keys(createRequire(__filename).cache).filter((file) => file !== __filename);
  const first = files.findIndex((file) => /[\\/]sonde[\\/]dist[\\/]/.test(file));
  const names = files.slice(0, Math.max(first, 0)).flatMap((file) => {
    const [, name] = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file) ?? [];
    return name === undefined ? [] : [name.replace('\\', '/')];
  });
  return [...new Set(names)];
}

function write(report: Partial<ProbeReport>): void {
  const { versions, execArgv: flags, pid } = process;
  const whole = { version: versions.node, flags, early: loadedEarly(), checks: [], pools: [], ...report };
  const file = join(folder!, `${pid}.json`);
  fs.writeFileSync(`${file}.part`, JSON.stringify(whole));
  fs.renameSync(`${file}.part`, file);
}

async function timeChecks(): Promise<ProbeReport['checks']> {
  const checks = [...(slot()['health checks'] ?? [])];
  return Promise.all(
    checks.map(async ([name, check]) => {
      const start = performance.now();
      await check.ask();
      return { name, millis: Math.round(performance.now() - start) };
    }),
  );
}

const questions: Readonly<Record<string, (pool: any, done: () => void) => unknown>> = {
  pg: (pool, done) => pool.query('SELECT 1', done),
  mysql2: (pool, done) => pool.query('SELECT 1', done),
  ioredis: (pool, done) => pool.ping(done),
  redis: (pool, done) => pool.ping().then(done, done),
};

function keepsContext(kind: string, pool: object, { withSpan, currentSpan }: Core): Promise<boolean> {
  return new Promise((resolve) => {
    setTimeout(resolve, 2_000, true).unref();
    withSpan('sonde.doctor.pool', (span) => {
      const { traceId } = span.spanContext();
      questions[kind]!(pool, () => resolve(currentSpan()?.spanContext().traceId === traceId));
    });
  });
}

async function askPools(core: Core): Promise<ProbeReport['pools']> {
  const found = [...(slot().pools?.references ?? [])].flatMap(([kind, references]) => {
    const pool = references.at(-1)?.deref();
    return pool === undefined || questions[kind] === undefined ? [] : [{ kind, pool }];
  });
  return Promise.all(
    found.map(async ({ kind, pool }) => ({ kind, isKept: await keepsContext(kind, pool, core) })),
  );
}

async function look(): Promise<void> {
  const { core, running } = slot();
  const sonde = running?.sonde;
  if (begun || core === undefined || sonde === undefined) return;
  begun = true;
  const status = sonde.status();
  const ids = core.withSpan('sonde.doctor', (span) => {
    core.getLogger('sonde.doctor').error('one record of the doctor');
    core.counter('sonde.doctor.measurement').add(1);
    const { traceId, spanId } = span.spanContext();
    return { traceId, spanId };
  });
  const [checks, pools] = await Promise.all([timeChecks(), askPools(core)]);
  await sonde.forceFlush({ timeoutMillis: 3_000 });
  write({ status, ids, checks, pools });
}

if (folder !== undefined) {
  const lookQuietly = (): void => void look().catch(() => undefined);
  setTimeout(lookQuietly, Number(millis)).unref();
  process.once('beforeExit', lookQuietly);
  process.once('exit', () => {
    if (!begun) write({ status: slot().running?.sonde?.status() });
  });
}
