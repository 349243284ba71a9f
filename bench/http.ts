/** CPU per request of a `node:http` server and an Express route. All servers live at once and take turns. */
import { rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Partner } from './child.ts';
import {
  autoInstrumentations,
  bare,
  type Contender,
  environment,
  nodeSdk,
  nodeSdkSampledOut,
  present,
  slug,
  sonde,
  sondeAccessLog,
  sondeSampledOut,
  sondeSpool,
  spoolFolder,
} from './contenders.ts';
import { median, minimum, pairedRatio, ratio, shuffled, table } from './figures.ts';

const warmUp = 1500;
const window = 600;
const connections = 16;
/** Longer than the five seconds a batch processor may hold its spans. */
const lastBatch = 6000;
const columns = [
  'CPU us a request: least',
  'median',
  'x bare: of minima',
  'paired median',
  'whole run us',
  'RSS MB after',
  'spans a request',
];

interface Server {
  readonly contender: Contender;
  readonly partner: Partner;
  readonly port: number;
  /** Microseconds of CPU per request, one sample a round. */
  readonly samples: number[];
  /** Every request it ever answered. */
  requests: number;
  /** What it had used and answered when the rounds began: the whole run holds exports that fall between windows. */
  begun: { microseconds: number; requests: number };
}

/** Runs the part and returns its section as markdown. */
export async function http(sink: Partner, sinkPort: number, rounds = 10): Promise<string> {
  const hello = await compare('`node:http` hello', 'apps/hello.cjs', sink, sinkPort, rounds);
  const route = await compare('Express 5 route', 'apps/express.cjs', sink, sinkPort, rounds);
  return `${hello}\n\n${route}`;
}

async function compare(
  title: string,
  script: string,
  sink: Partner,
  sinkPort: number,
  rounds: number,
): Promise<string> {
  const contenders = present([
    bare,
    autoInstrumentations,
    nodeSdk,
    nodeSdkSampledOut,
    sonde,
    sondeSpool,
    sondeAccessLog,
    sondeSampledOut,
  ]);
  const servers = await Promise.all(contenders.map((contender) => start(contender, script, sinkPort)));
  const { partner: load } = await Partner.start('load.ts', { core: 1 });
  const before = await sink.ask({});
  try {
    for (const server of servers) await begin(server, load);
    for (let round = 0; round < rounds; round++) {
      for (const server of shuffled(servers)) server.samples.push(await drive(server, load, window));
    }
    await setTimeout(lastBatch);
    const after = await sink.ask({});
    const rows = servers.map(async (server) =>
      row(server, servers[0]!, await used(server), spans(server, before, after)),
    );
    return table([title, ...columns], await Promise.all(rows));
  } finally {
    for (const server of servers) server.partner.stop();
    load.stop();
    rmSync(spoolFolder, { recursive: true, force: true });
  }
}

async function start(contender: Contender, script: string, sinkPort: number): Promise<Server> {
  const env = environment(contender, sinkPort);
  const { partner, hello } = await Partner.start(script, { flags: contender.flags, env, core: 0 });
  return {
    contender,
    partner,
    port: hello.port,
    samples: [],
    requests: 0,
    begun: { microseconds: 0, requests: 0 },
  };
}

async function begin(server: Server, load: Partner): Promise<void> {
  await drive(server, load, warmUp);
  server.begun = { ...(await server.partner.ask({})), requests: server.requests };
}

/** One window of load; returns the microseconds of CPU a request took. */
async function drive(server: Server, load: Partner, milliseconds: number): Promise<number> {
  const before: Used = await server.partner.ask({});
  const { requests } = await load.ask({ port: server.port, milliseconds, connections });
  const after: Used = await server.partner.ask({});
  server.requests += requests;
  return (after.microseconds - before.microseconds) / requests;
}

interface Used {
  microseconds: number;
  rss: number;
  /** CPU per request from the first round to the last batch. */
  wholeRun: number;
}

async function used(server: Server): Promise<Used> {
  const { microseconds, rss } = await server.partner.ask({});
  const requests = server.requests - server.begun.requests;
  return { microseconds, rss, wholeRun: (microseconds - server.begun.microseconds) / requests };
}

/** Spans that reached the sink for each request: nobody is fast by dropping them. */
function spans(server: Server, before: any, after: any): number {
  const traces = (counts: any) => counts[slug(server.contender)]?.traces ?? 0;
  return (traces(after) - traces(before)) / server.requests;
}

function row(server: Server, base: Server, { rss, wholeRun }: Used, sent: number): string[] {
  const { samples, contender } = server;
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
