/** What did not arrive, told in time but not over and over: the first loss at once, then one line a minute. */
import { diagnostics } from '../diagnostics.ts';

export interface Losses {
  /** `told`: somebody has just been told the cause, so that only the sum at the end mentions it again. */
  add(signal: string, count: number, cause: string, told?: boolean): void;
  /** The sum of everything, if there is any; said at shutdown. */
  summary(): void;
}

/** Milliseconds. */
export interface LossTimes {
  /** How long the first line waits for company: a queue never overflows by one. */
  readonly firstMillis: number;
  readonly quietMillis: number;
}

const lossTimes: LossTimes = { firstMillis: 1000, quietMillis: 60_000 };

const units: Record<string, string> = { traces: 'spans', logs: 'log records', metrics: 'metric points' };

/** Makes the ledger; one for all signals of a process. */
export function createLosses(times: LossTimes = lossTimes): Losses {
  const total = new Map<string, number>();
  let untold = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let quietUntil = 0;

  function tell(): void {
    timer = undefined;
    if (untold.size === 0) return;
    diagnostics.warn('SONDE_ERR_EXPORT', `Telemetry was lost: ${sentence(untold)}.`);
    untold = new Map();
    quietUntil = performance.now() + times.quietMillis;
  }

  return {
    add(signal, count, cause, told = false) {
      if (count <= 0) return;
      increase(total, units[signal] ?? signal, count);
      if (told) {
        quietUntil = performance.now() + times.quietMillis;
        return;
      }
      increase(untold, `${units[signal] ?? signal} (${cause})`, count);
      timer ??= setTimeout(tell, Math.max(times.firstMillis, quietUntil - performance.now())).unref();
    },
    summary() {
      clearTimeout(timer);
      timer = undefined;
      untold = new Map();
      if (total.size > 0) diagnostics.warn('SONDE_ERR_EXPORT', `Lost in all: ${sentence(total)}.`);
    },
  };
}

function increase(counts: Map<string, number>, what: string, by: number): void {
  counts.set(what, (counts.get(what) ?? 0) + by);
}

function sentence(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
}
