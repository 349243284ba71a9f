/** When a log file is closed by the clock, and what it is called then: Python's `TimedRotatingFileHandler`. */
import { SondeError } from '../src/errors.ts';

/**
 * The unit of `interval`, in any case: seconds, minutes, hours, days from the file's birth, local midnight, or the
 * midnight that ends a weekday (`W0` is Monday).
 */
export type When = 'S' | 'M' | 'H' | 'D' | 'midnight' | 'W0' | 'W1' | 'W2' | 'W3' | 'W4' | 'W5' | 'W6';

export interface RolloverTimes {
  /** The first rollover of a file born at `birth`. Epoch milliseconds. */
  next(birth: number): number;
  /** What is appended to the path of the file that ends at `rollover`: `2026-01-20`, the period's beginning. */
  suffix(rollover: number): string;
  /** Matches every such suffix. */
  readonly pattern: RegExp;
}

const units = { S: 1000, M: 60_000, H: 3_600_000, D: 86_400_000 } as const;
/** How much of `YYYY-MM-DD_HH-MM-SS` names a period. */
const lengths = { S: 19, M: 16, H: 13, D: 10 } as const;
const patterns = {
  S: /^\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/,
  M: /^\d{4}-\d\d-\d\d_\d\d-\d\d$/,
  H: /^\d{4}-\d\d-\d\d_\d\d$/,
  D: /^\d{4}-\d\d-\d\d$/,
} as const;

/** @throws SondeError when `when` or `interval` is none that exists */
export function rolloverTimes(when: string, interval = 1, utc = false): RolloverTimes {
  if (!Number.isInteger(interval) || interval < 1)
    throw wrong(`interval ${String(interval)}`, 'a whole number');
  const unit = when.toUpperCase();
  if (unit === 'MIDNIGHT') return calendar(interval, undefined, utc);
  if (/^W[0-6]$/.test(unit)) return calendar(interval * 7, Number(unit[1]), utc);
  if (!(unit in units)) throw wrong(`when "${when}"`, 'S, M, H, D, midnight or W0 to W6');
  const name = unit as keyof typeof units;
  const length = units[name] * interval;
  return {
    next: (birth) => birth + length,
    suffix: (rollover) => stampText(new Date(rollover - length), utc).slice(0, lengths[name]),
    pattern: patterns[name],
  };
}

/** Periods of whole days that end at midnight, whatever the clock of the country does meanwhile. */
function calendar(days: number, weekday: number | undefined, utc: boolean): RolloverTimes {
  return {
    next(birth) {
      const tonight = midnight(birth, 1, utc);
      if (weekday === undefined) return midnight(birth, days, utc);
      const today = ((utc ? new Date(birth).getUTCDay() : new Date(birth).getDay()) + 6) % 7;
      return midnight(tonight, ((weekday - today + 7) % 7) + days - 7, utc);
    },
    suffix: (rollover) => stampText(new Date(midnight(rollover, -days, utc)), utc).slice(0, lengths.D),
    pattern: patterns.D,
  };
}

/** The beginning of the day that is `days` after the one of `time`. */
function midnight(time: number, days: number, utc: boolean): number {
  const date = new Date(time);
  if (utc) return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + days);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

function stampText(date: Date, utc: boolean): string {
  const local = utc ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '-');
}

function wrong(what: string, takes: string): SondeError {
  return new SondeError('SONDE_ERR_OPTION', `A log file cannot rotate by ${what}: it takes ${takes}.`);
}
