/** Levels as a logging model spells them: names in any case, and Python's numbers. */
import { advice } from '../config/nearest.ts';
import { wrong } from './dict-parts.ts';
import { parseLevel, severity } from './levels.ts';

/** For advice on a wrong one. */
export const levelNames: readonly string[] = [
  'TRACE',
  'DEBUG',
  'INFO',
  'WARNING',
  'WARN',
  'ERROR',
  'CRITICAL',
  'FATAL',
  'NOTSET',
  'OFF',
];

/** A SeverityNumber, or `undefined` for a level that says nothing. */
export function levelNumber(value: unknown, path: string): number | undefined {
  if (value === undefined || value === 'NOTSET' || value === 0) return undefined;
  if (typeof value === 'number' && value > 0)
    return value < 10 ? severity.TRACE : Math.floor((value * 4) / 10) + 1;
  const level = parseLevel(value);
  if (level !== undefined) return level;
  throw wrong(path, `"${String(value)}" is no level${advice(String(value), levelNames)}`);
}
