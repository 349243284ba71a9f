/** Metrics of Node.js itself: event loop, what keeps it alive, garbage collector, heap, by the semantic conventions. */
import type { ELDHistogram } from 'node:perf_hooks';
import type { HeapSpaceInfo } from 'node:v8';
import type {
  BatchObservableResult,
  Histogram,
  Meter,
  ObservableGauge,
  ObservableResult,
  ObservableUpDownCounter,
} from '@opentelemetry/api';
import type { Instrumentation } from '../src/instrumentation.ts';

const perfHooks = (): typeof import('node:perf_hooks') => process.getBuiltinModule('node:perf_hooks');

const nanosPerSecond = 1e9;
/** Conventional buckets for a pause in seconds. */
const gcBuckets = [0.01, 0.1, 1, 10];
/** `kind` of a `gc` performance entry to the convention's word. */
const gcTypes: Readonly<Record<number, string>> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' };

const delays = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const;
type Delay = (typeof delays)[number];

function delayOf(histogram: ELDHistogram, delay: Delay): number {
  const nanos = delay.startsWith('p')
    ? histogram.percentile(Number(delay.slice(1)))
    : histogram[delay as 'min'];
  return Number.isFinite(nanos) ? nanos / nanosPerSecond : 0;
}

const shortestWindowMillis = 1_000;

/** Two readers that ask at the same moment are told the same: for the second nothing has happened since the first. */
function perWindow<T>(read: () => T): () => T {
  let last: T;
  let closed = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - closed >= shortestWindowMillis) {
      closed = now;
      last = read();
    }
    return last;
  };
}

/** Observes the delay over each collection interval; gives back what stops it. */
function watchDelay(meter: Meter): () => void {
  const histogram = perfHooks().monitorEventLoopDelay({ resolution: 10 });
  const gauges = delays.map((delay) =>
    meter.createObservableGauge(`nodejs.eventloop.delay.${delay}`, {
      unit: 's',
      description: `Event loop ${delay} delay.`,
    }),
  );
  const read = perWindow(() => {
    const values = histogram.count > 0 ? delays.map((delay) => delayOf(histogram, delay)) : [];
    histogram.reset();
    return values;
  });
  const observe = (result: BatchObservableResult) => {
    for (const [at, value] of read().entries()) result.observe(gauges[at]!, value);
  };
  meter.addBatchObservableCallback(observe, gauges);
  histogram.enable();
  return () => {
    histogram.disable();
    meter.removeBatchObservableCallback(observe, gauges);
  };
}

function watchUtilization(meter: Meter): () => void {
  const gauge = meter.createObservableGauge('nodejs.eventloop.utilization', {
    unit: '1',
    description: 'Event loop utilization.',
  });
  const { performance } = perfHooks();
  let last = performance.eventLoopUtilization();
  const read = perWindow(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  });
  const observe = (result: { observe(value: number): void }) => result.observe(read());
  gauge.addCallback(observe);
  return () => gauge.removeCallback(observe);
}

const millisPerSecond = 1_000;

function watchTime(meter: Meter): () => void {
  const counter = meter.createObservableCounter('nodejs.eventloop.time', {
    unit: 's',
    description: 'Cumulative duration of time the event loop has been in each state.',
  });
  const observe = (result: ObservableResult) => {
    const { active, idle } = perfHooks().performance.eventLoopUtilization();
    result.observe(active / millisPerSecond, { 'nodejs.eventloop.state': 'active' });
    result.observe(idle / millisPerSecond, { 'nodejs.eventloop.state': 'idle' });
  };
  counter.addCallback(observe);
  return () => counter.removeCallback(observe);
}

/** What keeps the event loop alive: sockets, servers, timers. */
function watchResources(meter: Meter): () => void {
  const gauge = meter.createObservableGauge('v8js.resource.active', {
    unit: '{resource}',
    description: 'Active resources that keep the event loop alive.',
  });
  const observe = (result: ObservableResult) => {
    const counts = new Map<string, number>();
    for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
    for (const [type, count] of counts) result.observe(count, { 'v8js.resource.type': type });
  };
  gauge.addCallback(observe);
  return () => gauge.removeCallback(observe);
}

function watchCollector(meter: Meter): () => void {
  const pauses: Histogram = meter.createHistogram('v8js.gc.duration', {
    unit: 's',
    description: 'Garbage collection duration.',
    advice: { explicitBucketBoundaries: gcBuckets },
  });
  const observer = new (perfHooks().PerformanceObserver)((list) => {
    for (const entry of list.getEntries()) {
      const kind = (entry as { detail?: { kind?: number } }).detail?.kind ?? 0;
      pauses.record(entry.duration / 1000, { 'v8js.gc.type': gcTypes[kind] ?? 'minor' });
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

const heapFields = [
  ['v8js.memory.heap.used', 'space_used_size', 'Heap memory size allocated.'],
  ['v8js.memory.heap.space.size', 'space_size', 'Total heap memory size pre-allocated.'],
  ['v8js.memory.heap.space.available_size', 'space_available_size', 'Heap space available size.'],
  ['v8js.memory.heap.space.physical_size', 'physical_space_size', 'Committed size of a heap space.'],
] as const;

function watchHeap(meter: Meter): () => void {
  const v8 = process.getBuiltinModule('node:v8');
  const rows = heapFields.map(
    ([name, field, description]): [ObservableUpDownCounter | ObservableGauge, keyof HeapSpaceInfo] => [
      meter.createObservableUpDownCounter(name, { unit: 'By', description }),
      field,
    ],
  );
  const instruments = rows.map(([instrument]) => instrument);
  const observe = (result: BatchObservableResult) => {
    for (const space of v8.getHeapSpaceStatistics()) {
      const attributes = { 'v8js.heap.space.name': space.space_name };
      for (const [instrument, field] of rows) result.observe(instrument, Number(space[field]), attributes);
    }
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}

const watchers = [watchDelay, watchUtilization, watchTime, watchResources, watchCollector, watchHeap];

/**
 * `runtime`: nothing is patched, nothing holds the process. It begins when the main module has run: a script that
 * is over by then has no event loop to speak of, and no other start waits for the watchers.
 */
export function runtime(): Instrumentation {
  let stops: (() => void)[] = [];
  let start: NodeJS.Immediate | undefined;
  return {
    name: 'runtime',
    modules: [],
    enable({ meter }) {
      start = setImmediate(() => {
        stops = watchers.map((watch) => watch(meter));
      }).unref();
    },
    disable() {
      clearImmediate(start);
      for (const stop of stops.splice(0)) stop();
    },
  };
}
