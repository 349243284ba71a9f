/** Every instrumentation Sonde brings, in one list. */
import type { Config } from '../src/config/config.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { childProcess } from './child-process.ts';
import { fetchClient } from './fetch.ts';
import { type Armed, arm } from './hook.ts';
import { httpClient } from './http-client.ts';
import { httpServer } from './http-server.ts';
import { otelApi } from './otel-api.ts';
import { pg } from './pg.ts';
import { runtime } from './runtime.ts';
import { sqlite } from './sqlite.ts';
import { workerThreads } from './worker-threads.ts';

type Selection = Config['instrumentations'];

/** Not a choice: without it the others may report to nobody. */
const always: readonly (() => Instrumentation)[] = [otelApi];

const selectable: readonly (() => Instrumentation)[] = [
  httpServer,
  httpClient,
  fetchClient,
  pg,
  sqlite,
  childProcess,
  workerThreads,
  runtime,
];

/** The one name `http` of `OTEL_NODE_*_INSTRUMENTATIONS` stands for both sides. */
function isNamed(name: string, list: readonly string[]): boolean {
  return list.includes(name) || (name.startsWith('http-') && list.includes('http'));
}

/** Whether `name` is on: named in `enabled` if anything is, and not in `disabled`. */
export function isSelected(name: string, { enabled = [], disabled }: Selection): boolean {
  return (enabled.length === 0 || isNamed(name, enabled)) && !isNamed(name, disabled);
}

/** Arms every selected instrumentation. Each loads nothing of its target; the app does, or it never happens. */
export function armAll(sensors: Sensors, selection: Selection): Armed {
  const chosen = selectable.map((make) => make()).filter(({ name }) => isSelected(name, selection));
  return arm([...always.map((make) => make()), ...chosen], sensors);
}
