/**
 * `node bench/longest-turn.ts [records a second] [seconds]`: how long Sonde keeps the event loop in one turn while it packs
 * and sends. For each form and kind of record: the longest turns that Sonde's own timers took (what an answer sets off
 * is within the delay of the loop), and beside them the delay of the whole loop, with Sonde and with nothing sent.
 * Records of 64 kB come at a fifth of the rate.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSink } from '../test/support/otlp-sink.ts';

const [rate = '1000', seconds = '6'] = process.argv.slice(2);
const root = join(import.meta.dirname, '..');

const kinds: Readonly<Record<string, string>> = {
  small: '{ n, path: "/orders/:id", user: 42 }',
  stack: '{ n, detail: "    at handler (/app/src/orders.js:10:5)\\n".repeat(100) }',
  '64 kB': '{ n, detail: "x".repeat(65_000) }',
};

const program = `
const { monitorEventLoopDelay } = require('node:perf_hooks');
const turns = [];
const timedTimer = (set) => (work, ...rest) => {
  if (!new Error().stack.includes('${root}/dist')) return set(work, ...rest);
  return set((...given) => {
    const at = performance.now();
    try { return work(...given); } finally { turns.push(performance.now() - at); }
  }, ...rest);
};
for (const name of ['setTimeout', 'setImmediate', 'setInterval']) globalThis[name] = timedTimer(globalThis[name]);
const { getLogger } = require('${root}/dist/index.cjs');
const log = getLogger('turns');
const [seconds, rate] = process.argv.slice(1).map(Number);
const loop = monitorEventLoopDelay({ resolution: 1 });
let n = 0;
const begin = performance.now();
const timer = setInterval(() => {
  const gone = (performance.now() - begin) / 1000;
  for (const due = gone * rate; n < due; n++) log.info('working', FIELDS);
  if (gone > 2) loop.enable();
  if (gone < seconds) return;
  clearInterval(timer);
  loop.disable();
  const longest = turns.slice(turns.length / 4).sort((a, b) => b - a);
  const at = (part) => +(longest[Math.floor(longest.length * part)] ?? 0).toFixed(2);
  console.log(JSON.stringify({
    turns: longest.length, p50: at(0.5), p90: at(0.1), p99: at(0.01), longest: at(0),
    'loop p99': +(loop.percentile(99) / 1e6).toFixed(2), 'loop max': +(loop.max / 1e6).toFixed(1),
  }));
  process.exit();
}, 5);`;

async function run(kind: string, fields: string, env: Record<string, string>): Promise<object> {
  const sink = await startSink();
  const dir = mkdtempSync(join(tmpdir(), 'sonde-turns-'));
  const drop = setInterval(() => sink.clear(), 200);
  const child = spawn(
    process.execPath,
    [
      ...['--require', `${root}/dist/register.cjs`, '-e', program.replace('FIELDS', fields)],
      seconds,
      kind === '64 kB' ? String(Number(rate) / 5) : rate,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
        OTEL_METRICS_EXPORTER: 'none',
        SONDE_LOG_CONSOLE: 'off',
        ...(env.spool && { SONDE_SPOOL_DIR: dir }),
        ...env,
      },
    },
  );
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  await once(child, 'close');
  clearInterval(drop);
  await sink.close();
  rmSync(dir, { recursive: true, force: true });
  return JSON.parse(said);
}

for (const [kind, fields] of Object.entries(kinds)) {
  const rows: Readonly<Record<string, Record<string, string>>> = {
    'nothing sent': { OTEL_LOGS_EXPORTER: 'none' },
    'http/protobuf, gzip': { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' },
    'http/protobuf, gzip, spool': { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip', spool: 'on' },
    'http/json, gzip': {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    },
  };
  for (const [row, env] of Object.entries(rows))
    console.log(kind, '|', row, '|', await run(kind, fields, env));
}
