/** Reads `SONDE_TAIL_SLOW`: `1s,/reports/*=10s,process mail=off`. */

export interface SlowLimits {
  /** Milliseconds for everything that has no limit of its own. */
  readonly general: number;
  /** By route or name of a span; one that ends with `*` stands for all that begin so. The first that fits holds. */
  readonly named: readonly (readonly [pattern: string, millis: number])[];
  /** Parts that could be read, as written. */
  readonly good: readonly string[];
  /** Parts that could not. */
  readonly problems: readonly string[];
}

const byDefault = 1_000;
const unitMillis: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };
const shape = /^(?:(.+?)\s*=\s*)?(?:(\d{1,9})(ms|s|m)|off)$/i;

/** What is wrong is data, never a throw. `off` is a limit that nothing reaches. */
export function parseSlow(text: string): SlowLimits {
  const limits = {
    general: byDefault,
    named: [] as [string, number][],
    good: [] as string[],
    problems: [] as string[],
  };
  for (const part of text
    .split(/[,;]/)
    .map((each) => each.trim())
    .filter(Boolean)) {
    const found = shape.exec(part);
    if (found === null) {
      limits.problems.push(part);
      continue;
    }
    const [, pattern = '*', count, unit = ''] = found;
    const millis = count === undefined ? Infinity : Number(count) * unitMillis[unit.toLowerCase()]!;
    limits.good.push(part);
    if (pattern === '*') limits.general = millis;
    else limits.named.push([pattern, millis]);
  }
  return limits;
}

/** Milliseconds from which work of this route, or of this name, is slow. */
export function slowMillisOf({ general, named }: SlowLimits, route: unknown, name: string): number {
  for (const [pattern, millis] of named) {
    if (fits(pattern, name) || (typeof route === 'string' && fits(pattern, route))) return millis;
  }
  return general;
}

function fits(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
