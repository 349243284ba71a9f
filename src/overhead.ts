/**
 * What Sonde costs the process: the time that its own work takes, from a sample of its calls, against the CPU time
 * of the whole process. Timed are log records from the logger on, the ends of spans, what is done for requests in and
 * out, packing, sending and collecting; not the tracer, other patches, nor compression in other threads.
 */
import type { Meter } from '@opentelemetry/api';
import { shared } from './slot.ts';

interface Toll {
  /** Milliseconds since the start. */
  spent: number;
  /** How deep in timed work this turn is: what is inside counts once. */
  depth: number;
  read?: { readonly at: number; readonly spent: number; readonly cpu: number; readonly share: number };
}

const toll = shared<Toll>('overhead', () => ({ spent: 0, depth: 0 }));

/** For what is done for each record or request: one call in so many is timed. */
export const seldom = 64;
/** For what is done now and then. */
export const always = 1;

/** `work` of at most two arguments, whose synchronous part is timed at one call in `of`, chosen by chance. */
export function timed<F extends (one?: any, two?: any) => unknown>(of: number, work: F): F {
  let left = of;
  const measured = (one?: unknown, two?: unknown): unknown => {
    if (toll.depth > 0) return work(one, two);
    toll.depth++;
    const began = --left <= 0 ? performance.now() : 0;
    try {
      return work(one, two);
    } finally {
      toll.depth--;
      if (began > 0) {
        left = of === 1 ? 1 : Math.ceil(Math.random() * 2 * of);
        toll.spent += (performance.now() - began) * of;
      }
    }
  };
  return measured as F;
}

/** Milliseconds: a shorter time says nothing. */
const shortestWindow = 1_000;

/** Its share of the CPU time since it was last asked, from 0 to 1; before that since the process began. */
export function overhead(): number {
  const at = performance.now();
  const last = toll.read;
  if (last !== undefined && at - last.at < shortestWindow) return last.share;
  const { user, system } = process.cpuUsage();
  const cpu = (user + system) / 1000;
  const share = Math.min((toll.spent - (last?.spent ?? 0)) / Math.max(cpu - (last?.cpu ?? 0), 1), 1);
  toll.read = { at, spent: toll.spent, cpu, share };
  return share;
}

/** Reports it as `sonde.overhead.cpu`. */
export function reportOverhead(meter: Meter): void {
  meter
    .createObservableGauge('sonde.overhead.cpu', { unit: '1', description: "Sonde's share of the CPU time." })
    .addCallback((result) => result.observe(overhead()));
}
