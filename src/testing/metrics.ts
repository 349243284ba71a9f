/** What a call of a test changed in the metrics of the process. */
import type { Attributes } from '@opentelemetry/api';
import { watched } from '../traces/watched.ts';

/** One series, and what was added to it. */
export interface CollectedMetric {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Readonly<Attributes>;
  /** What a counter grew by, what a gauge is now; the sum of what a histogram recorded. */
  readonly value: number;
  /** How many values a histogram recorded. */
  readonly count?: number;
}

/** sdk-metrics' ResourceMetrics, as far as it is read here. */
interface ResourceMetrics {
  readonly scopeMetrics: readonly {
    readonly metrics: readonly {
      readonly descriptor: { readonly name: string; readonly unit: string };
      readonly dataPointType: number;
      readonly dataPoints: readonly { readonly attributes: Attributes; readonly value: Value }[];
    }[];
  }[];
}

type Value = number | { readonly count: number; readonly sum?: number };

interface Series extends CollectedMetric {
  readonly isGauge: boolean;
}

/** These change all the time, whatever a test does. */
const ofRuntime = /^(?:nodejs|v8js|process)\./;
/** sdk-metrics' DataPointType of gauges. */
const gaugeType = 2;

/** Every series as it is now. */
export async function readSeries(): Promise<Map<string, Series>> {
  const read = (await watched.readMetrics?.()) as ResourceMetrics | undefined;
  const all = new Map<string, Series>();
  for (const { metrics } of read?.scopeMetrics ?? []) {
    for (const { descriptor, dataPointType, dataPoints } of metrics) {
      if (ofRuntime.test(descriptor.name)) continue;
      for (const { attributes, value } of dataPoints) {
        const { name, unit } = descriptor;
        const isGauge = dataPointType === gaugeType;
        all.set(JSON.stringify([name, attributes]), { name, unit, attributes, isGauge, ...numbersOf(value) });
      }
    }
  }
  return all;
}

function numbersOf(value: Value): Pick<CollectedMetric, 'value' | 'count'> {
  return typeof value === 'number' ? { value } : { value: value.sum ?? 0, count: value.count };
}

/** The series that are not as they were. */
export function changed(
  before: ReadonlyMap<string, Series>,
  after: ReadonlyMap<string, Series>,
): CollectedMetric[] {
  return [...after].flatMap(([key, { isGauge, ...now }]) => {
    const { value = 0, count = 0 } = before.get(key) ?? {};
    const isSame = before.has(key) && now.value === value && (now.count ?? 0) === count;
    if (isSame) return [];
    if (isGauge) return [now];
    const grown = { ...now, value: now.value - value };
    return [now.count === undefined ? grown : { ...grown, count: now.count - count }];
  });
}
