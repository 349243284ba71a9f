/**
 * Kills real processes at random moments, each of which has what the one before left: `node bench/kill-loop.ts 100`.
 * The receiver is away for a third of the time. In the end: what was born more than 500 ms before a kill and is not
 * there (must be 0), errors that are not there (must be 0), what is there twice.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSink } from '../test/support/otlp-sink.ts';

const rounds = Number(process.argv[2] ?? 100);
const root = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'sonde-kill-'));
const sink = await startSink();

const program = `
const { getLogger, withSpan } = require('${root}/dist/index.cjs');
const log = getLogger('numbered');
const round = process.argv[1];
let n = 0;
setInterval(() => {
  for (let i = 0; i < 5; i++) {
    const id = round + '.' + ++n;
    withSpan('work', { id }, () => (n % 25 === 0 ? log.error('numbered', { id }) : log.info('numbered', { id })));
    require('node:fs').writeSync(1, id + ' ' + Date.now() + '\\n');
  }
}, 5);`;

const born: { id: string; age: number }[] = [];

async function live(round: number, millis: number): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--require', `${root}/dist/register.cjs`, '-e', program, String(round)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
        OTEL_SERVICE_NAME: 'shop',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOG_LEVEL: 'none',
        SONDE_LOG_CONSOLE: 'off',
        SONDE_SPOOL_DIR: dir,
      },
    },
  );
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  await new Promise((resolve) => setTimeout(resolve, millis));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('close', resolve));
  const lines = [...said.matchAll(/^(\S+) (\d+)$/gm)].map(([, id = '', at]) => ({ id, at: Number(at) }));
  const last = lines.at(-1)?.at ?? 0;
  born.push(...lines.map(({ id, at }) => ({ id, age: last - at })));
}

for (let round = 1; round <= rounds; round++) {
  sink.failAlways(Math.random() < 1 / 3 ? { status: 503 } : undefined);
  await live(round, 200 + Math.random() * 1300);
}
sink.failAlways(undefined);
await live(rounds + 1, 8000);

const count = (ids: readonly unknown[]) => {
  const found = new Map<unknown, number>();
  for (const id of ids) found.set(id, (found.get(id) ?? 0) + 1);
  return found;
};
const logs = count(
  sink
    .logs()
    .filter(({ body }) => body === 'numbered')
    .map(({ attributes }) => attributes.id),
);
const spans = count(sink.spans().map(({ attributes }) => attributes.id));
const isError = (id: string) => Number(id.split('.')[1]) % 25 === 0;
const earlier = born.filter(({ id }) => !id.startsWith(`${rounds + 1}.`));
const missing = (found: ReadonlyMap<unknown, number>) => earlier.filter(({ id }) => !found.has(id));
const twice = (found: ReadonlyMap<unknown, number>) =>
  [...found.values()].filter((times) => times > 1).length;
const figures = {
  kills: rounds,
  born: earlier.length,
  'older than 500 ms and missing': [...missing(logs), ...missing(spans)].filter(({ age }) => age > 500)
    .length,
  'oldest missing, ms': Math.max(0, ...[...missing(logs), ...missing(spans)].map(({ age }) => age)),
  'errors missing': missing(logs).filter(({ id }) => isError(id)).length,
  'logs twice': twice(logs),
  'spans twice': twice(spans),
  'undecodable requests': sink.faults.length,
};
console.log(JSON.stringify(figures, null, 2));
await sink.close();
rmSync(dir, { recursive: true, force: true });
process.exit();
