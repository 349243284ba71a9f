/** A cluster of three Redis servers of its own, each with a third of the slots. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './ports.ts';

const { Redis } = createRequire(import.meta.url)('ioredis');

/** Skips where no `redis-server` can be started; under CI that is a failure. */
export function requireRedisServer(test: Mocha.Context): void {
  if (spawnSync('redis-server', ['--version']).error === undefined) return;
  const line = 'redis-server is not installed';
  if (process.env.CI === 'true') throw new Error(`${line}: under CI a skip is a failure.`);
  console.log(`    skipped: ${line}`);
  test.skip();
}

export interface RedisServer {
  readonly port: number;
  /** A client of this server alone. */
  readonly client: any;
  close(): Promise<void>;
}

/** One server in a folder of its own, with these further lines of configuration. */
export async function startRedisServer(
  folder: string,
  lines: readonly string[] = [],
  kind: 'server' | 'sentinel' = 'server',
): Promise<RedisServer> {
  const port = await freePort();
  const dir = join(folder, String(port));
  mkdirSync(dir);
  const file = join(dir, 'redis.conf');
  const own = [`port ${port}`, 'bind 127.0.0.1', `dir ${dir}`];
  writeFileSync(file, `${[...own, ...(kind === 'server' ? ['save ""'] : []), ...lines].join('\n')}\n`);
  const args = kind === 'sentinel' ? [file, '--sentinel'] : [file];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const patient = { retryStrategy: () => 100, maxRetriesPerRequest: null };
  const client = new Redis({ host: '127.0.0.1', port, ...patient });
  client.on('error', () => {});
  await client.ping();
  return {
    port,
    client,
    async close() {
      client.disconnect();
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

export interface RedisCluster {
  readonly servers: readonly RedisServer[];
  /** Gives an empty slot to another server, which nobody is told but by redirections. */
  moveSlot(slot: number): Promise<void>;
  close(): Promise<void>;
}

const slots = [
  [0, 5460],
  [5461, 10_922],
  [10_923, 16_383],
] as const;

export async function startRedisCluster(): Promise<RedisCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-cluster-'));
  const buses = await Promise.all(slots.map(freePort));
  const servers = await Promise.all(
    buses.map((bus) =>
      startRedisServer(folder, [
        'cluster-enabled yes',
        `cluster-port ${bus}`,
        'cluster-announce-ip 127.0.0.1',
      ]),
    ),
  );
  const tell = (at: number, ...args: unknown[]) => servers[at]!.client.call('CLUSTER', ...args);
  await Promise.all(slots.map(([from, to], at) => tell(at, 'ADDSLOTSRANGE', from, to)));
  await Promise.all([1, 2].map((at) => tell(0, 'MEET', '127.0.0.1', servers[at]!.port, buses[at])));
  for (const at of slots.keys()) {
    while (!/state:ok.*slots_ok:16384.*known_nodes:3/s.test(await tell(at, 'INFO'))) await pause(50);
  }
  return {
    servers,
    async moveSlot(slot) {
      const from = slots.findIndex(([first, last]) => slot >= first && slot <= last);
      const to = (from + 1) % slots.length;
      const id = await tell(to, 'MYID');
      for (const at of [to, from]) await tell(at, 'SETSLOT', slot, 'NODE', id);
    },
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      rmSync(folder, { recursive: true });
    },
  };
}
