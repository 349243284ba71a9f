/** Metrics of the machine and of the process on it, by the semantic conventions; for who asks for them (`metrics.host`). */
import type { Meter, MetricOptions, ObservableResult } from '@opentelemetry/api';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isMainThread } from '../src/threads.ts';

type Kind = 'ObservableCounter' | 'ObservableUpDownCounter' | 'ObservableGauge';
type Observe = (result: ObservableResult) => void;
type Row = readonly [name: string, kind: Kind, unit: string, description: string, observe: Observe];

const os = (): typeof import('node:os') => process.getBuiltinModule('node:os');
const microsPerSecond = 1e6;

/** Node's words for what a processor does, and the conventions'. */
const modes = { user: 'user', nice: 'nice', sys: 'system', idle: 'idle', irq: 'interrupt' } as const;

const observeProcessors: Observe = (result) => {
  for (const [number, { times }] of os().cpus().entries()) {
    for (const [mode, name] of Object.entries(modes) as [keyof typeof modes, string][]) {
      result.observe(times[mode] / 1000, { 'cpu.logical_number': number, 'cpu.mode': name });
    }
  }
};

function observeMemory(result: ObservableResult, unit = 1): void {
  const available = os().freemem();
  result.observe((os().totalmem() - available) / unit, { 'system.memory.state': 'used' });
  result.observe(available / unit, { 'system.memory.state': 'available' });
}

const observeOwnTime: Observe = (result) => {
  const { user, system } = process.cpuUsage();
  result.observe(user / microsPerSecond, { 'cpu.mode': 'user' });
  result.observe(system / microsPerSecond, { 'cpu.mode': 'system' });
};

const observeSwitches: Observe = (result) => {
  const { voluntaryContextSwitches, involuntaryContextSwitches } = process.resourceUsage();
  result.observe(voluntaryContextSwitches, { 'process.context_switch.type': 'voluntary' });
  result.observe(involuntaryContextSwitches, { 'process.context_switch.type': 'involuntary' });
};

const observeFaults: Observe = (result) => {
  const { minorPageFault, majorPageFault } = process.resourceUsage();
  result.observe(minorPageFault, { 'system.paging.fault.type': 'minor' });
  result.observe(majorPageFault, { 'system.paging.fault.type': 'major' });
};

const [counter, upDown, gauge] = ['ObservableCounter', 'ObservableUpDownCounter', 'ObservableGauge'] as const;

const rows: readonly Row[] = [
  ['system.cpu.time', counter, 's', 'Seconds each logical CPU spent on each mode.', observeProcessors],
  [
    ...(['system.cpu.logical.count', upDown, '{cpu}', 'The number of logical processor cores.'] as const),
    (result) => result.observe(os().cpus().length),
  ],
  ['system.memory.usage', upDown, 'By', 'Memory by state.', (result) => observeMemory(result)],
  [
    ...(['system.memory.utilization', gauge, '1', 'Fraction of memory by state.'] as const),
    (result) => observeMemory(result, os().totalmem()),
  ],
  [
    ...(['system.memory.limit', upDown, 'By', 'Total memory of the system.'] as const),
    (result) => result.observe(os().totalmem()),
  ],
  [
    ...(['system.uptime', gauge, 's', 'The time the system has been running.'] as const),
    (result) => result.observe(os().uptime()),
  ],
  ['process.cpu.time', counter, 's', 'CPU seconds of the process by mode.', observeOwnTime],
  [
    ...(['process.memory.usage', upDown, 'By', 'The amount of physical memory in use.'] as const),
    (result) => result.observe(process.memoryUsage.rss()),
  ],
  [
    ...(['process.uptime', gauge, 's', 'The time the process has been running.'] as const),
    (result) => result.observe(process.uptime()),
  ],
  [
    ...([
      'process.context_switches',
      counter,
      '{context_switch}',
      'Context switches of the process.',
    ] as const),
    observeSwitches,
  ],
  ['process.paging.faults', counter, '{fault}', 'Page faults of the process.', observeFaults],
];

function watch(meter: Meter, [name, kind, unit, description, observe]: Row): () => void {
  const options: MetricOptions = { unit, description };
  const instrument = meter[`create${kind}`](name, options);
  instrument.addCallback(observe);
  return () => instrument.removeCallback(observe);
}

/** `host`: a worker thread leaves it to the main thread, whose process it is. */
export function host(): Instrumentation {
  let stops: (() => void)[] = [];
  return {
    name: 'host',
    modules: [],
    enable({ meter, config }) {
      if (config.metrics.host && isMainThread()) stops = rows.map((row) => watch(meter, row));
    },
    disable() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}
