/** CPU per call of a database, against a real server on this machine. */
import net from 'node:net';
import type { Partner } from './child.ts';
import { autoInstrumentations, bare, sonde, sondeSampledOut } from './contenders.ts';
import { type Comparison, compare } from './turns.ts';

const contenders = [bare, autoInstrumentations, sonde, sondeSampledOut];
const drive: Comparison['drive'] = async ({ partner }, milliseconds) =>
  (await partner.ask({ milliseconds })).calls;

/** A query through a pool: PostgreSQL at 127.0.0.1:5432, user `postgres`, no password. */
export function pg(sink: Partner, sinkPort: number, rounds = 10): Promise<string> {
  const title = '`pg` query through a pool';
  return called({ title, script: 'apps/pg.cjs', rounds }, 5432, sink, sinkPort);
}

/** GET: Redis at 127.0.0.1:6379. */
export function ioredis(sink: Partner, sinkPort: number, rounds = 10): Promise<string> {
  return called({ title: '`ioredis` GET', script: 'apps/ioredis.cjs', rounds }, 6379, sink, sinkPort);
}

async function called(
  comparison: Pick<Comparison, 'title' | 'script' | 'rounds'>,
  port: number,
  sink: Partner,
  sinkPort: number,
): Promise<string> {
  if (!(await listens(port))) return `Left out: nothing listens at 127.0.0.1:${port}.`;
  return compare({ ...comparison, unit: 'call', contenders, drive }, sink, sinkPort);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
