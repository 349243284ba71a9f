/**
 * CPU of one JSON line on a synchronous descriptor, straight from the source: pino without ids against Sonde with
 * them. Needs pino in a folder named by PINO_FROM (`npm install --prefix $PINO_FROM pino`).
 * Rounds are interleaved, each cell a fresh process: `node bench/log-line.ts [rounds]`.
 */
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { createRequire } from 'node:module';

type Log = (i: number) => void;
type Record = 'small' | 'request' | 'error';

const cells = ['pino', 'sonde'] as const;
const records: readonly Record[] = ['small', 'request', 'error'];
const [, script, argument, kind] = process.argv;
const failure = new Error('card refused');

if (process.send === undefined && process.env.BENCH_CELL === undefined) compare(Number(argument ?? 9));
else await measure();

function compare(rounds: number): void {
  for (const record of records) {
    const costs = new Map(cells.map((cell) => [cell, [] as number[]]));
    for (let round = 0; round < rounds; round++) {
      for (const cell of round % 2 === 0 ? cells : cells.toReversed())
        costs.get(cell)!.push(once(cell, record));
    }
    const [pino, sonde] = cells.map((cell) => costs.get(cell)!.sort((a, b) => a - b));
    const middle = (list: number[]): number => list[list.length >> 1]!;
    const ratio = (a: number, b: number): string => (a / b).toFixed(2);
    console.log(
      `${record}: pino ${pino![0]} (${middle(pino!)}) ns, Sonde with ids ${sonde![0]} (${middle(sonde!)}) ns, ` +
        `ratio of minima ${ratio(sonde![0]!, pino![0]!)}, of medians ${ratio(middle(sonde!), middle(pino!))}`,
    );
  }
}

function once(cell: string, record: string): number {
  const child = spawnSync(process.execPath, [script!, cell, record], {
    env: { ...process.env, BENCH_CELL: cell },
    stdio: ['ignore', openSync('/dev/null', 'w'), 'pipe'],
    encoding: 'utf8',
  });
  const nanoseconds = Number(child.stderr);
  if (!Number.isFinite(nanoseconds) || child.stderr === '') throw new Error(child.stderr);
  return nanoseconds;
}

async function measure(): Promise<void> {
  const log = argument === 'pino' ? pinoLog(kind as Record) : await sondeLog(kind as Record);
  timed(log, 300);
  process.stderr.write(String(timed(log, 500)));
}

/** CPU nanoseconds, user and system, of one call. */
function timed(log: Log, millis: number): number {
  const end = Date.now() + millis;
  const before = process.cpuUsage();
  let i = 0;
  while (Date.now() < end) for (const last = i + 500; i < last; i++) log(i);
  const { user, system } = process.cpuUsage(before);
  return Math.round(((user + system) * 1000) / i);
}

function pinoLog(record: Record): Log {
  const pino = createRequire(`${process.env.PINO_FROM ?? '/tmp/pino-bench'}/x.js`)('pino');
  const log = pino(pino.destination({ fd: 1, sync: true }));
  if (record === 'small') {
    return (i) => log.info({ orderId: i, total: 99.5, currency: 'EUR' }, 'order created');
  }
  if (record === 'error') return (i) => log.error({ err: failure, orderId: i }, 'charge failed');
  return (i) => log.info({ ...requestFields(i) }, 'request served');
}

async function sondeLog(record: Record): Promise<Log> {
  const { getLogger } = await import('../src/logs/logger.ts');
  const { startSinks } = await import('../src/logs/early.ts');
  const { consoleSink } = await import('../exporters/console.ts');
  const { enterContext, rootContext } = await import('../src/context/context.ts');
  const { trace } = await import('@opentelemetry/api');
  startSinks([consoleSink()], []);
  const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  enterContext(trace.setSpanContext(rootContext, ids));
  const log = getLogger('shop.orders');
  if (record === 'small') {
    return (i) => log.info('order created', { orderId: i, total: 99.5, currency: 'EUR' });
  }
  if (record === 'error') return (i) => log.error('charge failed', failure, { orderId: i });
  return (i) => log.info('request served', requestFields(i));
}

function requestFields(i: number): object & { readonly [name: string]: unknown } {
  return {
    method: 'GET',
    path: '/api/orders/12345',
    status: 200,
    durationMs: 12.5,
    user: { id: 42 + i, plan: 'gold', tags: ['a', 'b'] },
    agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)',
  };
}
