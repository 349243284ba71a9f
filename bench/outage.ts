/**
 * An outage of the receiver: `node bench/outage.ts 600 200 spool` (seconds, spans and records a second, `spool` or
 * `memory`, milliseconds that the receiver takes for an answer when it is back). Prints what was lost, how much memory and disk it took, how long a log call took meanwhile, and how soon
 * everything was there afterwards.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSink } from '../test/support/otlp-sink.ts';

const [seconds = '60', rate = '200', where = 'spool', answer = '0'] = process.argv.slice(2);
const root = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'sonde-outage-'));
const sink = await startSink();

const program = `
const { getLogger, init, withSpan } = require('${root}/dist/index.cjs');
const log = getLogger('outage');
const [seconds, rate] = process.argv.slice(1).map(Number);
const calls = [];
// What the machine does to any short piece of work: the same moment, the same line, nobody's library.
const others = [];
let n = 0;
let most = 0;
let disk = 0;
let ticks = 0;
const begin = performance.now();
const rss = process.memoryUsage.rss();
function other() {
  const at = performance.now();
  for (let i = 0; i < 4; i++) JSON.stringify({ time: new Date(), n, path: '/orders/:id', user: 42 + i });
  others.push(performance.now() - at);
}
function work() {
  const at = performance.now();
  log.info('working', { n, path: '/orders/:id', user: 42 });
  calls.push(performance.now() - at);
}
const timer = setInterval(() => {
  const due = Math.min(rate * seconds, Math.floor(((performance.now() - begin) / 1000) * rate));
  // What comes first after a sleep finds everything cold: they take turns.
  const isFirst = ticks++ % 2 === 0;
  while (n < due) {
    n++;
    if (isFirst) other();
    withSpan('work', { n }, work);
    if (!isFirst) other();
  }
  if (ticks % 50 === 0) {
    most = Math.max(most, process.memoryUsage.rss() - rss);
    disk = Math.max(disk, init().status().delivery.spool?.bytes ?? 0);
  }
  if (n < rate * seconds) return;
  clearInterval(timer);
  console.log('back');
  setInterval(() => {}, 1000);
}, 10);
process.once('SIGUSR2', () => {
  const p99 = (millis) => Math.round(millis.sort((a, b) => a - b)[Math.floor(millis.length * 0.99)] * 1000);
  console.log(JSON.stringify({
    'rss, +MB': Math.round(most / 1e5) / 10,
    'disk, MB': Math.round(disk / 1e5) / 10,
    'log call p99, us': p99(calls),
    'four JSON.stringify instead, p99, us': p99(others),
    counters: init().status().counters,
  }));
  process.exit();
});`;

sink.failAlways({ status: 503 });
const child = spawn(
  process.execPath,
  ['--require', `${root}/dist/register.cjs`, '-e', program, seconds, rate],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
      OTEL_SERVICE_NAME: 'shop',
      SONDE_LOG_CONSOLE: 'off',
      ...(where === 'spool' && { SONDE_SPOOL_DIR: dir }),
    },
  },
);
let said = '';
child.stdout.on('data', (text) => {
  said += text;
});
const total = Number(seconds) * Number(rate);
while (!said.includes('back')) await new Promise((resolve) => setTimeout(resolve, 50));
// What was refused is not kept: half an hour of it would be the receiver's memory, not Sonde's.
sink.clear();
sink.failAlways({ delayMillis: Number(answer) });
const back = performance.now();
const isThere = () => sink.spans().length >= total && sink.logs().length >= total;
while (!isThere() && performance.now() - back < 60_000)
  await new Promise((resolve) => setTimeout(resolve, 500));
const after = (performance.now() - back) / 1000;
child.kill('SIGUSR2');
await new Promise((resolve) => child.on('close', resolve));
const figures = JSON.parse(said.slice(said.indexOf('{')));
/** From the first request that was taken to the last one. Seconds. */
const brought = Object.fromEntries(
  ['traces', 'logs'].map((name) => {
    const taken = sink.requests.filter(({ accepted, signal }) => accepted && signal === name);
    return [name, ((taken.at(-1)?.at ?? 0) - (taken[0]?.at ?? 0)) / 1000];
  }),
);
const there = { spans: sink.spans().length, logs: sink.logs().length };
console.log(
  JSON.stringify(
    {
      seconds,
      rate,
      where,
      'answer, ms': answer,
      emitted: total,
      there,
      'all there after, s': after,
      'from the first to the last request, s': brought,
      ...figures,
    },
    null,
    2,
  ),
);
await sink.close();
rmSync(dir, { recursive: true, force: true });
