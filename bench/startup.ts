/** What a preload costs before the first line of an empty script. */
import { measure } from './child.ts';
import { autoInstrumentations, bare, type Contender, nodeSdk, present, sonde } from './contenders.ts';
import { median, minimum, shuffled, signed, table } from './figures.ts';

interface Start {
  /** Microseconds of CPU, user and system, when user code begins. */
  cpu: number;
  /** The same a quarter of a second later: lazily loaded parts, detectors, first timers. */
  later: number;
  /** Bytes. */
  rss: number;
}

/** Runs the part and returns its section as markdown. */
export async function startup(sinkPort: number, rounds = 11): Promise<string> {
  const contenders = present([bare, autoInstrumentations, nodeSdk, sonde]);
  const starts = new Map<string, Start[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of shuffled(contenders)) {
      starts.get(contender.name)!.push(await measure<Start>(contender, 'apps/empty.cjs', [], sinkPort));
    }
  }
  const files = await countFiles(contenders, sinkPort);
  const rows = contenders.map(({ name }) =>
    row(name, starts.get(name)!, starts.get(bare.name)!, files.get(name)!),
  );
  const head = ['preload of an empty script', 'CPU ms over bare: of minima', 'median', 'median 250 ms later'];
  return table([...head, 'files loaded', 'RSS MB over bare'], rows);
}

function row(name: string, starts: Start[], base: Start[], files: number): string[] {
  const over = (pick: (start: Start) => number, of: (samples: number[]) => number, unit: number) =>
    (of(starts.map(pick)) - of(base.map(pick))) / unit;
  const own = (milliseconds: number) => (name === bare.name ? '0' : signed(milliseconds));
  const bareCpu = (minimum(base.map((start) => start.cpu)) / 1000).toFixed(0);
  return [
    name === bare.name ? `bare (${bareCpu} ms)` : name,
    own(over((start) => start.cpu, minimum, 1000)),
    own(over((start) => start.cpu, median, 1000)),
    own(over((start) => start.later, median, 1000)),
    String(files),
    own(over((start) => start.rss, median, 1024 * 1024)),
  ];
}

/** Counted apart from the timed runs, since the counter itself costs time. */
async function countFiles(contenders: readonly Contender[], sinkPort: number): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  for (const contender of contenders) {
    const counting = { ...contender, flags: ['--require', './apps/count-files.cjs', ...contender.flags] };
    const { later } = await measure<{ later: number }>(counting, 'apps/count-report.cjs', [], sinkPort);
    files.set(contender.name, later);
  }
  return files;
}
