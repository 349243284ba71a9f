/**
 * `node bench/soak.ts [minutes] [pairs a second] [seconds from fault to fault]`: a service that logs and traces at a
 * steady rate while its receiver fails in every way there is, one after the other. Prints the books to the unit, what
 * came twice, and how memory and open files went. Exits with 1 where the books do not balance.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from '../test/support/otlp-schema.ts';
import { type Fault, startSink } from '../test/support/otlp-sink.ts';

const [minutes, rate, period] = [30, 1000, 60].map((usual, at) => Number(process.argv[at + 2] ?? usual));
const root = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'sonde-soak-'));
const sink = await startSink();

const program = `
const fs = require('node:fs');
const { getLogger, init, withSpan } = require('${root}/dist/index.cjs');
const log = getLogger('soak');
const [millis, rate] = process.argv.slice(1).map(Number);
const begin = performance.now();
let n = 0;
// Not by the console, which is sent as well.
const say = (value) => fs.writeSync(1, JSON.stringify(value) + '\\n');
const timer = setInterval(() => {
  const gone = Math.min(performance.now() - begin, millis);
  for (const due = Math.floor((gone / 1000) * rate); n < due; n++)
    withSpan('work', { n }, () => (n % 100 === 0 ? log.error('working', { n }) : log.info('working', { n })));
  if (gone < millis) return;
  clearInterval(timer);
  say({ emitted: n });
}, 10);
setInterval(() => {
  const fds = fs.readdirSync('/proc/self/fd').length;
  say({ second: Math.round((performance.now() - begin) / 1000), rss: process.memoryUsage.rss() / 1e6, fds });
}, 5000);
process.once('SIGUSR2', async () => {
  await init().shutdown({ timeoutMillis: 20_000 });
  say({ counters: init().status().counters, cpu: process.cpuUsage() });
  process.exit();
});`;

const bad = encode('Status', { message: 'bad' });
const faults: readonly (readonly [name: string, fault: Fault])[] = [
  ['503', { status: 503 }],
  ['resets', { connection: 'reset' }],
  ['429, Retry-After 2', { status: 429, headers: { 'retry-after': '2' } }],
  ['hangs', { connection: 'hang' }],
  ['answers after 3 s, a second too late', { delayMillis: 3000 }],
  ['502', { status: 502 }],
  ['400', { status: 400, body: bad }],
  ['200 that is no OTLP', { body: 'garbage', headers: { 'content-type': 'text/html' } }],
  ['partial success', { partial: { rejected: 3, message: 'too old' } }],
  ['504', { status: 504 }],
];

const child = spawn(
  process.execPath,
  [...['--require', `${root}/dist/register.cjs`, '-e', program], String(minutes! * 60_000), String(rate)],
  {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_SERVICE_NAME: 'soak',
      SONDE_LOG_CONSOLE: 'off',
      SONDE_SPOOL_DIR: dir,
    },
  },
);
const lines: Record<string, any>[] = [];
let rest = '';
child.stdout.setEncoding('utf8').on('data', (text: string) => {
  const whole = (rest + text).split('\n');
  rest = whole.pop() ?? '';
  lines.push(...whole.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)));
});
let voice = '';
child.stderr.setEncoding('utf8').on('data', (text: string) => {
  voice += text;
});

const total = minutes! * 60 * rate!;
/** How often each number came. */
const seen = { traces: new Uint8Array(total + 1), logs: new Uint8Array(total + 1) };

/** What came is counted and let go: half an hour of it would be the receiver's memory. */
function gather(): void {
  for (const { attributes } of sink.spans()) seen.traces[Number(attributes.n)]!++;
  for (const { attributes, scope } of sink.logs()) if (scope === 'soak') seen.logs[Number(attributes.n)]!++;
  sink.clear();
}

const told = (name: string) => lines.findLast((line) => name in line);
const end = performance.now() + minutes! * 60_000;
const rounds: string[] = [];
for (let round = 0; performance.now() < end; round++) {
  const [name, fault] = faults[round % faults.length]!;
  rounds.push(name);
  sink.failAlways(fault);
  await sleep((period! * 1000) / 4);
  sink.failAlways(undefined);
  for (let at = 0; at < 15 && performance.now() < end; at++) {
    await sleep(period! * 50);
    gather();
  }
}
sink.failAlways(undefined);
while (told('emitted') === undefined) await sleep(100);
const over = performance.now();
const isQuiet = () => sink.requests.length === 0;
for (let quiet = 0; quiet < 10 && performance.now() - over < 120_000; quiet = isQuiet() ? quiet + 1 : 0) {
  gather();
  await sleep(500);
}
child.kill('SIGUSR2');
await once(child, 'close');
gather();

const counters: Record<string, number> = told('counters')!.counters;
const sumOf = (prefix: string) =>
  Object.entries(counters).reduce((sum, [name, count]) => sum + (name.startsWith(prefix) ? count : 0), 0);

function books(signal: 'traces' | 'logs'): Record<string, number> {
  const there = seen[signal].reduce((sum, times) => sum + (times > 0 ? 1 : 0), 0);
  const twice = seen[signal].reduce((sum, times) => sum + Math.max(times - 1, 0), 0);
  const emitted = counters[`emitted.${signal}`] ?? 0;
  const fate = sumOf(`delivered.${signal}`) + sumOf(`dropped.${signal}`) + sumOf(`spooled.${signal}`);
  const partial = counters[`dropped.${signal}.partial`] ?? 0;
  return {
    emitted,
    delivered: sumOf(`delivered.${signal}`),
    'dropped, counted': sumOf(`dropped.${signal}`),
    'there, of them refused in part': there,
    twice,
    'off by': emitted - fate + Math.abs(there - sumOf(`delivered.${signal}`) - partial),
  };
}

const samples = lines.filter((line) => 'rss' in line);
const later = samples.slice(Math.floor(samples.length / 3));
const result = { traces: books('traces'), logs: books('logs') };
const slope = slopeOf(later.map(({ second, rss }) => [second / 600, rss]));
console.log(
  JSON.stringify(
    {
      ...{ minutes, rate, period, faults: rounds.length, kinds: [...new Set(rounds)] },
      ...result,
      'rss, MB': {
        first: rounded(samples[0]?.rss),
        most: rounded(Math.max(...samples.map(({ rss }) => rss))),
      },
      'rss, MB in 10 minutes, after the first third': rounded(slope),
      'open files': [Math.min(...later.map(({ fds }) => fds)), Math.max(...later.map(({ fds }) => fds))],
      'lines on stderr': voice.split('\n').filter(Boolean).length,
      'all there after, s': rounded((performance.now() - over) / 1000),
      drops: Object.fromEntries(Object.entries(counters).filter(([name]) => name.startsWith('dropped'))),
    },
    null,
    2,
  ),
);
await sink.close();
rmSync(dir, { recursive: true, force: true });
const mostTwice = 512 * rounds.length;
const isBalanced = Object.values(result).every((each) => each['off by'] === 0 && each.twice! <= mostTwice);
process.exit(isBalanced ? 0 : 1);

function rounded(value = 0): number {
  return Math.round(value * 10) / 10;
}

/** Least squares. */
function slopeOf(points: readonly (readonly number[])[]): number {
  const mean = (at: number) => points.reduce((sum, point) => sum + point[at]!, 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const up = points.reduce((sum, point) => sum + (point[0]! - x) * (point[1]! - y), 0);
  return up / points.reduce((sum, point) => sum + (point[0]! - x) ** 2, 0);
}
