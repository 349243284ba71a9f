/** CPU of one log record inside an active span: the JSON line alone, and the line plus its OTLP record. */
import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measure, type Partner } from './child.ts';
import { type Contender, present, slug, sonde } from './contenders.ts';
import { median, minimum, pairedRatio, ratio, shuffled, table } from './figures.ts';

interface Cell extends Contender {
  readonly script: string;
}

const correlated = ['--require', './apps/correlated.cjs'];
const lineOnly = { OTEL_LOGS_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' };
const andSent = {
  OTEL_LOGS_EXPORTER: 'otlp',
  OTEL_METRICS_EXPORTER: 'none',
  BENCH_SEND: 'yes',
  BENCH_PACE: '400',
};

const lines: Cell[] = [
  { name: 'pino, no ids', script: 'apps/log-pino.cjs', flags: [], env: lineOnly },
  { name: 'pino + instrumentation-pino', script: 'apps/log-pino.cjs', flags: correlated, env: lineOnly },
  { ...sonde, script: 'apps/log-sonde.cjs', env: lineOnly },
];

const withWinston: Cell[] = [
  ...lines,
  { name: 'winston, no ids', script: 'apps/log-winston.cjs', flags: [], env: lineOnly },
  {
    name: 'winston + instrumentation-winston',
    script: 'apps/log-winston.cjs',
    flags: correlated,
    env: lineOnly,
  },
];

/**
 * Who rests between bursts wakes to cold caches: all do, or the table would compare that. `pino()` as it comes writes
 * while the others rest: only here is its writing measured too.
 */
const sending: Cell[] = [
  { ...lines[0]!, env: { ...lineOnly, BENCH_PACE: andSent.BENCH_PACE } },
  {
    name: 'pino() as it comes, no ids',
    script: 'apps/log-pino.cjs',
    flags: [],
    env: { ...lineOnly, BENCH_PACE: andSent.BENCH_PACE, BENCH_ASYNC: 'yes' },
  },
  { name: 'pino + instrumentation-pino, sent', script: 'apps/log-pino.cjs', flags: correlated, env: andSent },
  { ...sonde, name: 'Sonde, sent', script: 'apps/log-sonde.cjs', env: andSent },
];

/** One table: who writes which record where. */
interface Table {
  readonly title: string;
  readonly cells: readonly Cell[];
  readonly record: 'small' | 'request' | 'error';
  readonly target: string;
}

/** What a handler with `buffered: true` saves of a write for each line. */
function gathered(file: string): Cell[] {
  const env = { ...lineOnly, BENCH_BUFFERED: `${file}.buffered` };
  return [lines[0]!, { ...sonde, name: 'Sonde, buffered', script: 'apps/log-sonde.cjs', env }];
}

/** Runs the part and returns its section as markdown. */
export async function logging(sink: Partner, sinkPort: number, rounds = 7): Promise<string> {
  const file = path.join(tmpdir(), `sonde-bench-${process.pid}.log`);
  const tables: Table[] = [
    { title: 'JSON line to /dev/null', cells: withWinston, record: 'small', target: '/dev/null' },
    { title: 'JSON line to a file', cells: lines, record: 'small', target: file },
    { title: 'JSON line to a file, gathered', cells: gathered(file), record: 'small', target: file },
    {
      title: 'JSON line of a request (8 fields, one nested)',
      cells: lines,
      record: 'request',
      target: '/dev/null',
    },
    { title: 'JSON line with an error', cells: lines, record: 'error', target: '/dev/null' },
    { title: 'JSON line and OTLP record', cells: sending, record: 'small', target: '/dev/null' },
  ];
  const sections: string[] = [];
  for (const each of tables) sections.push(await compare(each, sink, sinkPort, rounds));
  rmSync(file);
  rmSync(`${file}.buffered`, { force: true });
  return sections.join('\n\n');
}

async function compare(
  { title, cells: all, record, target }: Table,
  sink: Partner,
  sinkPort: number,
  rounds: number,
): Promise<string> {
  const cells = present(all) as Cell[];
  const costs = new Map<string, number[]>(cells.map(({ name }) => [name, []]));
  const records = new Map<string, number>();
  const before = await sink.ask({});
  for (let round = 0; round < rounds; round++) {
    for (const cell of shuffled(cells)) {
      const result = await once(cell, record, target, sinkPort);
      costs.get(cell.name)!.push(result.nanoseconds);
      records.set(cell.name, (records.get(cell.name) ?? 0) + result.records);
    }
  }
  const after = await sink.ask({});
  const base = costs.get(cells[0]!.name)!;
  const rows = cells.map((cell) => [
    ...row(cell.name, costs.get(cell.name)!, base),
    ...(all === sending ? [arrived(cell, records.get(cell.name)!, before, after)] : []),
  ]);
  const head = [title, 'CPU ns a record: least', 'median', 'x pino: of minima', 'paired median'];
  return table(all === sending ? [...head, 'arrived'] : head, rows);
}

async function once(
  cell: Cell,
  record: string,
  target: string,
  sinkPort: number,
): Promise<{ nanoseconds: number; records: number }> {
  const stdout = openSync(target, 'w');
  try {
    return await measure(cell, cell.script, [record], sinkPort, stdout);
  } finally {
    closeSync(stdout);
    if (target !== '/dev/null') check(cell, cell.env?.BENCH_BUFFERED ?? target);
  }
}

/** A contender that claims ids has them in its lines. */
function check(cell: Cell, file: string): void {
  const start = Buffer.alloc(4096);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, start);
  closeSync(descriptor);
  const line =
    start
      .toString()
      .split('\n')
      .find((each) => each.includes('order created')) ?? '';
  if (line.includes('"trace_id"') === cell.name.includes('no ids'))
    throw new Error(`${cell.name} wrote: ${line}`);
}

function arrived(cell: Cell, records: number, before: any, after: any): string {
  if (cell.env?.BENCH_SEND !== 'yes') return '';
  const logs = (counts: any) => counts[slug(cell)]?.logs ?? 0;
  return `${((100 * (logs(after) - logs(before))) / records).toFixed(0)} %`;
}

function row(name: string, costs: number[], base: number[]): string[] {
  return [
    name,
    minimum(costs).toFixed(0),
    median(costs).toFixed(0),
    ratio(minimum(costs) / minimum(base)),
    ratio(pairedRatio(costs, base)),
  ];
}
