/** Levels of other libraries as OpenTelemetry's SeverityNumbers, by name where the name is known, else by order. */
import { severity } from '../src/logs/levels.ts';

/** Names that mean one thing everywhere; those of syslog as OpenTelemetry's data model maps them. */
const known: ReadonlyMap<string, number> = new Map([
  ['trace', severity.TRACE],
  ['silly', severity.TRACE],
  ['debug', severity.DEBUG],
  ['info', severity.INFO],
  ['notice', severity.INFO + 1],
  ['warn', severity.WARN],
  ['warning', severity.WARN],
  ['error', severity.ERROR],
  ['crit', severity.ERROR + 1],
  ['critical', severity.FATAL],
  ['alert', severity.ERROR + 2],
  ['fatal', severity.FATAL],
  ['emerg', severity.FATAL],
]);

const highest = 24;

/**
 * The SeverityNumber of each level of a library's table. A name of its own stands as many steps above the nearest
 * known one below it as it does in the table: npm's `http` and `verbose` are 7 and 6, between `info` and `debug`.
 *
 * @param levels the library's numbers, rising or falling with severity; known names tell which
 */
export function severitiesOf(levels: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  const names = Object.keys(levels).sort((a, b) => levels[a]! - levels[b]!);
  const numbers = names.map((name) => known.get(name.toLowerCase()));
  const anchors = numbers.filter((number) => number !== undefined);
  if (anchors.length > 1 && anchors[0]! > anchors.at(-1)!) {
    names.reverse();
    numbers.reverse();
  }
  return new Map(names.map((name, at) => [name, numbers[at] ?? between(numbers, at)]));
}

function between(numbers: readonly (number | undefined)[], at: number): number {
  let below = at - 1;
  while (below >= 0 && numbers[below] === undefined) below--;
  let above = at + 1;
  while (above < numbers.length && numbers[above] === undefined) above++;
  const lower = numbers[below];
  const upper = numbers[above];
  if (lower !== undefined) return Math.max(lower, Math.min(lower + at - below, (upper ?? highest + 1) - 1));
  return upper === undefined ? severity.INFO : Math.max(1, upper - (above - at));
}

/** The scale of bunyan and pino: 10 is TRACE, 60 is FATAL, and what lies between lies between. */
export function severityOfTens(level: number): number {
  const number = Math.round(severity.TRACE + (level - 10) * 0.4);
  return Number.isNaN(number) ? severity.INFO : Math.min(highest, Math.max(1, number));
}
