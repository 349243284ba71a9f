/** CPU per request: a `node:http` server, an Express route, and a Fastify route that asks another service. */
import { Partner } from './child.ts';
import {
  autoInstrumentations,
  bare,
  type Contender,
  nodeSdk,
  nodeSdkSampledOut,
  sonde,
  sondeAccessLog,
  sondeSampledOut,
  sondeSpool,
  sondeTailKept,
  sondeTailLeftOut,
  sondeTailPicked,
} from './contenders.ts';
import { type Comparison, compare } from './turns.ts';

const connections = 16;
const every: readonly Contender[] = [
  ...[bare, autoInstrumentations, nodeSdk, nodeSdkSampledOut],
  ...[sonde, sondeSpool, sondeAccessLog, sondeSampledOut],
];

/** Runs the part and returns its section as markdown. */
export async function http(sink: Partner, sinkPort: number, rounds = 10): Promise<string> {
  const hello = await served(
    { title: '`node:http` hello', script: 'apps/hello.cjs', contenders: every, rounds },
    sink,
    sinkPort,
  );
  const route = await served(
    { title: 'Express 5 route', script: 'apps/express.cjs', contenders: every, rounds },
    sink,
    sinkPort,
  );
  return `${hello}\n\n${route}`;
}

/** The same for a route that calls another service and waits for its answer. */
export async function fastify(sink: Partner, sinkPort: number, rounds = 10): Promise<string> {
  const { partner: upstream, hello } = await Partner.start('apps/hello.cjs', { core: 1 });
  const contenders = [bare, autoInstrumentations, nodeSdk, sonde, sondeSampledOut];
  const sections: string[] = [];
  try {
    for (const [client, named] of [
      ['http', '`node:http`'],
      ['fetch', '`fetch`'],
    ] as const) {
      const title = `Fastify 5 route, a call by ${named}`;
      const env = { BENCH_UPSTREAM: `http://127.0.0.1:${hello.port}/hello`, BENCH_CLIENT: client };
      sections.push(
        await served({ title, script: 'apps/fastify.cjs', contenders, rounds, env }, sink, sinkPort),
      );
    }
  } finally {
    upstream.stop();
  }
  return sections.join('\n\n');
}

/** Tail sampling beside sampling at the head that keeps every trace. */
export async function tail(sink: Partner, sinkPort: number, rounds = 10): Promise<string> {
  const contenders = [sonde, sondeTailPicked, sondeTailLeftOut, sondeTailKept];
  const sections: string[] = [];
  for (const [title, script] of [
    ['`node:http` hello', 'apps/hello.cjs'],
    ['three spans and four debug lines', 'apps/detailed.cjs'],
  ] as const) {
    sections.push(await served({ title, script, contenders, rounds }, sink, sinkPort));
  }
  return sections.join('\n\n');
}

async function served(
  comparison: Omit<Comparison, 'unit' | 'drive'>,
  sink: Partner,
  sinkPort: number,
): Promise<string> {
  const { partner: load } = await Partner.start('load.ts', { core: 1 });
  const drive: Comparison['drive'] = async ({ port }, milliseconds) =>
    (await load.ask({ port, milliseconds, connections })).requests;
  try {
    return await compare({ ...comparison, unit: 'request', drive }, sink, sinkPort);
  } finally {
    load.stop();
  }
}
