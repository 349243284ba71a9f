/** What a minute of load leaves in memory. */
import { Partner } from './child.ts';
import {
  autoInstrumentations,
  bare,
  type Contender,
  environment,
  nodeSdk,
  present,
  sonde,
} from './contenders.ts';
import { signed, table } from './figures.ts';

const minute = 60_000;
const connections = 16;

interface Memory {
  readonly requests: number;
  /** Bytes of resident memory. */
  readonly before: number;
  readonly after: number;
}

/** Runs the part and returns its section as markdown. One after the other: none may press on another's memory. */
export async function memory(sinkPort: number): Promise<string> {
  const found: [Contender, Memory][] = [];
  for (const contender of present([bare, autoInstrumentations, nodeSdk, sonde]))
    found.push([contender, await loaded(contender, sinkPort)]);
  const [, base] = found[0]!;
  const rows = found.map(([{ name }, { requests, before, after }]) => [
    name,
    (requests / (minute / 1000)).toFixed(0),
    megabytes(before).toFixed(0),
    megabytes(after).toFixed(0),
    signed(megabytes(after - base.after)),
  ]);
  const title = 'Express 5 route, a minute of load';
  return table([title, 'requests a second', 'RSS MB before', 'RSS MB after', 'over bare'], rows);
}

async function loaded(contender: Contender, sinkPort: number): Promise<Memory> {
  const env = environment(contender, sinkPort);
  const { partner: server, hello } = await Partner.start('apps/express.cjs', {
    ...{ flags: contender.flags, env, core: 0 },
  });
  const { partner: load } = await Partner.start('load.ts', { core: 1 });
  try {
    const before = await server.ask({});
    const { requests } = await load.ask({ port: hello.port, milliseconds: minute, connections });
    const after = await server.ask({});
    return { requests, before: before.rss, after: after.rss };
  } finally {
    server.stop();
    load.stop();
  }
}

function megabytes(bytes: number): number {
  return bytes / 1024 / 1024;
}
