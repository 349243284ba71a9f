/** CPU per piece of work of processes that all live at once and take turns. */
import { rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Partner } from './child.ts';
import { type Contender, environment, present, slug, spoolFolder } from './contenders.ts';
import { median, minimum, pairedRatio, ratio, shuffled, table } from './figures.ts';

const warmUp = 1500;
const window = 600;
/** Longer than the five seconds a batch processor may hold its spans. */
const lastBatch = 6000;

export interface Comparison {
  readonly title: string;
  /** What one piece of work is called. */
  readonly unit: 'request' | 'call';
  /** Says `port`, if it has one, and then answers each empty message with what it has used. */
  readonly script: string;
  /** The first is what the others are compared with. */
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  /** On top of the contender's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** One window of work; resolves with how many pieces it was. */
  readonly drive: (worker: { partner: Partner; port: number }, milliseconds: number) => Promise<number>;
}

interface Worker {
  readonly contender: Contender;
  readonly partner: Partner;
  readonly port: number;
  /** Microseconds of CPU per piece of work, one sample a round. */
  readonly samples: number[];
  /** Every piece it ever did. */
  done: number;
  /** What it had used and done when the rounds began: the whole run holds exports that fall between windows. */
  begun: { microseconds: number; done: number };
}

/** Runs the comparison and returns its table as markdown. */
export async function compare(comparison: Comparison, sink: Partner, sinkPort: number): Promise<string> {
  const { title, rounds } = comparison;
  const contenders = present(comparison.contenders);
  const workers = await Promise.all(contenders.map((each) => start(each, comparison, sinkPort)));
  const before = await sink.ask({});
  try {
    for (const worker of workers) await begin(worker, comparison);
    for (let round = 0; round < rounds; round++) {
      for (const worker of shuffled(workers)) worker.samples.push(await drive(worker, comparison, window));
    }
    await setTimeout(lastBatch);
    const after = await sink.ask({});
    const rows = workers.map(async (worker) =>
      row(worker, workers[0]!, await used(worker), spans(worker, before, after)),
    );
    return table([title, ...columnsOf(comparison)], await Promise.all(rows));
  } finally {
    for (const worker of workers) worker.partner.stop();
    rmSync(spoolFolder, { recursive: true, force: true });
  }
}

function columnsOf({ unit, contenders }: Comparison): string[] {
  return [
    `CPU us a ${unit}: least`,
    'median',
    `x ${contenders[0]?.name}: of minima`,
    'paired median',
    'whole run us',
    'RSS MB after',
    `spans a ${unit}`,
  ];
}

async function start(
  contender: Contender,
  { script, env }: Pick<Comparison, 'script' | 'env'>,
  sinkPort: number,
): Promise<Worker> {
  const { partner, hello } = await Partner.start(script, {
    flags: contender.flags,
    env: { ...environment(contender, sinkPort), ...env },
    core: 0,
  });
  return { contender, partner, port: hello.port, samples: [], done: 0, begun: { microseconds: 0, done: 0 } };
}

async function begin(worker: Worker, comparison: Comparison): Promise<void> {
  await drive(worker, comparison, warmUp);
  worker.begun = { ...(await worker.partner.ask({})), done: worker.done };
}

/** Returns the microseconds of CPU that a piece of work took. */
async function drive(worker: Worker, comparison: Comparison, milliseconds: number): Promise<number> {
  const before: Used = await worker.partner.ask({});
  const done = await comparison.drive(worker, milliseconds);
  const after: Used = await worker.partner.ask({});
  worker.done += done;
  return (after.microseconds - before.microseconds) / done;
}

interface Used {
  microseconds: number;
  rss: number;
  /** CPU per piece of work from the first round to the last batch. */
  wholeRun: number;
}

async function used(worker: Worker): Promise<Used> {
  const { microseconds, rss } = await worker.partner.ask({});
  const done = worker.done - worker.begun.done;
  return { microseconds, rss, wholeRun: (microseconds - worker.begun.microseconds) / done };
}

/** Spans that reached the sink for each piece of work: nobody is fast by dropping them. */
function spans(worker: Worker, before: any, after: any): number {
  const traces = (counts: any) => counts[slug(worker.contender)]?.traces ?? 0;
  return (traces(after) - traces(before)) / worker.done;
}

function row(worker: Worker, base: Worker, { rss, wholeRun }: Used, sent: number): string[] {
  const { samples, contender } = worker;
  return [
    contender.name,
    minimum(samples).toFixed(0),
    median(samples).toFixed(0),
    ratio(minimum(samples) / minimum(base.samples)),
    ratio(pairedRatio(samples, base.samples)),
    wholeRun.toFixed(0),
    (rss / 1024 / 1024).toFixed(0),
    sent.toFixed(2),
  ];
}
