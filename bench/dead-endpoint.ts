/** How late the event loop is while 10,000 records a second are sent to somebody who does not take them. */
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { measure } from './child.ts';
import { bare, type Contender, present, sonde } from './contenders.ts';
import { median, minimum, shuffled, table } from './figures.ts';

interface Cell extends Contender {
  readonly port: number;
}

interface Delay {
  readonly median: number;
  readonly late: number;
  readonly most: number;
  /** Percent of one core. */
  readonly share: number;
}

/** Only what is sent: nothing is printed. */
const env = { SONDE_LOG_CONSOLE: 'off', SONDE_ACCESS_LOG: 'off' };

/** Runs the part and returns its section as markdown. */
export async function deadEndpoint(sinkPort: number, rounds = 5): Promise<string> {
  const mute = await listening();
  const gone = await listening();
  gone.server.close();
  const cells: readonly Cell[] = [
    { ...bare, name: 'nothing is logged', port: sinkPort },
    { ...sonde, env, name: 'Sonde, a healthy collector', port: sinkPort },
    { ...sonde, env, name: 'Sonde, nobody listens', port: gone.port },
    { ...sonde, env, name: 'Sonde, nobody answers', port: mute.port },
  ];
  const found = new Map<string, Delay[]>();
  for (let round = 0; round < rounds; round++) {
    for (const cell of shuffled(present(cells) as Cell[])) {
      const args = [cell.flags.length === 0 ? 'none' : 'log'];
      const delay = await measure<Delay>(cell, 'apps/steady.cjs', args, cell.port);
      found.set(cell.name, [...(found.get(cell.name) ?? []), delay]);
    }
  }
  mute.server.close();
  const rows = (present(cells) as Cell[]).map(({ name }) => rowOf(name, found.get(name)!));
  const head = ['event-loop delay at 10,000 records/s, ms', 'median', '99 %', '99 %, least', 'most', 'CPU %'];
  return table(head, rows);
}

function rowOf(name: string, delays: readonly Delay[]): string[] {
  const late = delays.map((delay) => delay.late);
  const middle = (key: keyof Delay) => median(delays.map((delay) => delay[key])).toFixed(1);
  return [name, middle('median'), middle('late'), minimum(late).toFixed(1), middle('most'), middle('share')];
}

/** Takes connections and says nothing. */
async function listening(): Promise<{ readonly server: net.Server; readonly port: number }> {
  const server = net.createServer((socket) => void socket.on('error', () => undefined)).unref();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}
