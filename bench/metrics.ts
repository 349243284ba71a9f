/** What a measurement costs, and a scrape. */
import { measure } from './child.ts';
import { type Contender, nodeSdk, present, sonde } from './contenders.ts';
import { median, minimum, pairedRatio, ratio, shuffled, table } from './figures.ts';

interface Cell extends Contender {
  readonly way: 'record' | 'bound';
}

const cells: readonly Cell[] = [
  { ...nodeSdk, name: 'sdk-metrics', way: 'record' },
  { ...sonde, way: 'record' },
  { ...sonde, name: 'Sonde, bound', way: 'bound' },
];

interface Page {
  readonly milliseconds: number;
  /** Milliseconds of the main thread, the client's part among them. */
  readonly cpu: number;
  readonly turn: number;
  readonly bytes: number;
}

/** Runs the part and returns its sections as markdown. */
export async function metrics(sinkPort: number, rounds = 9): Promise<string> {
  return `${await recording(sinkPort, rounds)}\n\n${await scraping(sinkPort)}`;
}

async function recording(sinkPort: number, rounds: number): Promise<string> {
  const contenders = present(cells) as Cell[];
  const costs = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const cell of shuffled(contenders)) {
      const script = 'apps/metrics.cjs';
      const { nanoseconds } = await measure<{ nanoseconds: number }>(cell, script, [cell.way], sinkPort);
      costs.get(cell.name)!.push(nanoseconds);
    }
  }
  const base = costs.get(cells[0]!.name)!;
  const rows = contenders.map(({ name }) => {
    const own = costs.get(name)!;
    const figures = [minimum(own).toFixed(0), median(own).toFixed(0)];
    return [name, ...figures, ratio(minimum(own) / minimum(base)), ratio(pairedRatio(own, base))];
  });
  const title = 'histogram, 5 attributes, in a sampled span';
  return table([title, 'CPU ns a record: least', 'median', 'x official: of minima', 'paired median'], rows);
}

async function scraping(sinkPort: number): Promise<string> {
  if (present([sonde]).length === 0) return '';
  const [first, ...others] = await measure<Page[]>(sonde, 'apps/scrape.cjs', [], sinkPort);
  const times = others.map(({ milliseconds }) => milliseconds);
  const cpu = others.map((page) => page.cpu);
  const turns = others.map(({ turn }) => turn);
  const row = (name: string, figures: readonly number[]) => [name, ...figures.map((each) => each.toFixed(1))];
  const head = ['/metrics of 10,000 series (OpenMetrics)', 'the first', 'least', 'median', 'most'];
  return table(head, [
    row('milliseconds', [first!.milliseconds, minimum(times), median(times), Math.max(...times)]),
    row('CPU ms', [first!.cpu, minimum(cpu), median(cpu), Math.max(...cpu)]),
    row('longest turn, CPU ms', [first!.turn, minimum(turns), median(turns), Math.max(...turns)]),
  ]);
}
