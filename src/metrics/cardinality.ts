/** The limit of series, and the one warning that names what broke it. */
import type { Attributes } from '@opentelemetry/api';
import { diagnostics } from '../diagnostics.ts';
import { redactAttributes } from '../processing/redact.ts';

/** Series of one metric, with the one for all beyond it. OpenTelemetry's default. */
const defaultLimit = 2_000;

/** Where everything goes that came too late. */
export const overflowAttributes: Attributes = Object.freeze({ 'otel.metric.overflow': true });

/** What a view or a reader says, if it is a limit at all. */
export function limitOf(...given: readonly unknown[]): number {
  const named = given.find((limit) => typeof limit === 'number' && limit >= 1);
  return named === undefined ? defaultLimit : Math.floor(named as number);
}

const samples = 3;
const longestSample = 40;

/** Said once for each metric in the process. */
export function warnOfOverflow(name: string, limit: number, series: Iterable<Attributes>): void {
  const counts = valuesByName(series);
  const [worst] = [...counts].sort(([, a], [, b]) => b.size - a.size);
  const what =
    worst === undefined
      ? ''
      : ` Attribute ${JSON.stringify(worst[0])} has ${worst[1].size} values: ${samplesOf(...worst)}, …`;
  diagnostics.warnOnce(
    `cardinality ${name}`,
    'SONDE_ERR_CARDINALITY',
    `Metric ${JSON.stringify(name)} has reached its limit of ${limit} series; what is new is counted together ` +
      `under otel.metric.overflow=true.${what}`,
  );
}

function valuesByName(series: Iterable<Attributes>): Map<string, Set<unknown>> {
  const counts = new Map<string, Set<unknown>>();
  for (const attributes of series) {
    for (const name in attributes) {
      const values = counts.get(name) ?? new Set();
      counts.set(name, values.add(attributes[name]));
    }
  }
  return counts;
}

function samplesOf(name: string, values: ReadonlySet<unknown>): string {
  const shown = [...values].slice(0, samples).map((value) => {
    const [clean] = Object.values(redactAttributes({ [name]: value }));
    return JSON.stringify(typeof clean === 'string' ? clean.slice(0, longestSample) : clean);
  });
  return shown.join(', ');
}
