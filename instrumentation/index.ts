/** Every instrumentation Sonde brings, in one list. */
import type { BridgeName, Config } from '../src/config/config.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { load } from '../src/load.ts';
import { severity } from '../src/logs/levels.ts';
import { type Bridge, bridgeTo } from './bridge.ts';
import { bunyan } from './bunyan.ts';
import { childProcess } from './child-process.ts';
import { consoleBridge } from './console.ts';
import { debug } from './debug.ts';
import { debuglog } from './debuglog.ts';
import { fetchClient } from './fetch.ts';
import { type Armed, arm } from './hook.ts';
import { httpClient } from './http-client.ts';
import { httpServer } from './http-server.ts';
import { log4js } from './log4js.ts';
import { otelApi } from './otel-api.ts';
import { pino } from './pino.ts';
import { runtime } from './runtime.ts';
import { winston } from './winston.ts';
import { workerNames, workerThreads } from './worker-threads.ts';

type Selection = Config['instrumentations'];

/** Not a choice: without them the others may report to nobody, or under another name. */
const always: readonly (() => Instrumentation)[] = [otelApi, workerNames];

const selectable: readonly (() => Instrumentation)[] = [
  httpServer,
  httpClient,
  fetchClient,
  whenLoaded('pg', ['pg', 'pg-pool'], () => load<typeof import('./pg.ts')>('pg').pg()),
  whenLoaded('sqlite', ['node:sqlite'], () => load<typeof import('./sqlite.ts')>('sqlite').sqlite()),
  childProcess,
  workerThreads,
  runtime,
];

/** A part of its own, read when the app loads the library: many a process speaks no SQL. */
function whenLoaded(
  name: string,
  modules: readonly string[],
  make: () => Instrumentation,
): () => Instrumentation {
  return () => {
    let real: Instrumentation | undefined;
    return {
      name,
      modules,
      patch(exports, specifier, sensors) {
        real ??= make();
        real.patch?.(exports, specifier, sensors);
      },
      disable: () => real?.disable(),
    };
  };
}

/** By name; with the most severe record the library makes, where that is not FATAL. */
const bridges: Readonly<
  Record<BridgeName, readonly [(bridge: Bridge) => Instrumentation, highest?: number]>
> = {
  pino: [pino],
  winston: [winston],
  bunyan: [bunyan],
  log4js: [log4js],
  console: [consoleBridge],
  debug: [debug, severity.DEBUG],
  debuglog: [debuglog, severity.DEBUG],
};

/** Those that are to do something; by default `debug` and `debuglog` are not, since INFO is sent and above. */
function bridgesOf(config: Config): Instrumentation[] {
  return Object.entries(bridges).flatMap(([name, [make, highest]]) => {
    const bridge = bridgeTo(name as BridgeName, config, highest);
    return bridge.sends || bridge.injects ? [make(bridge)] : [];
  });
}

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
  const all = [...selectable.map((make) => make()), ...bridgesOf(sensors.config)];
  const chosen = all.filter(({ name }) => isSelected(name, selection));
  return arm([...always.map((make) => make()), ...chosen], sensors);
}
