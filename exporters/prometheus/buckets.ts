/** The buckets of a histogram as Prometheus counts them: each with all that are below. */
import type { DataPoint, ExponentialValue, HistogramValue } from '../../src/metrics/collected.ts';

export interface Buckets {
  /** Upper bounds without the last, which is infinite. */
  readonly bounds: readonly number[];
  /** One more than bounds; not added up. */
  readonly counts: readonly number[];
}

/** The text format has no exponential histograms: more than so many buckets are merged. */
const mostBuckets = 40;

export function bucketsOf({ value }: DataPoint): Buckets {
  const given = value as HistogramValue | ExponentialValue;
  if ('buckets' in given) return { bounds: given.buckets.boundaries, counts: given.buckets.counts };
  return explicit(given);
}

function explicit({ scale, zeroCount, positive, negative }: ExponentialValue): Buckets {
  const steps = coarser(Math.max(positive.bucketCounts.length, negative.bucketCounts.length));
  const factor = 2 ** (steps - scale);
  const rows = [
    ...merged(negative, steps).map(([index, count]) => [-(2 ** (index * factor)), count] as const),
    ...(zeroCount > 0 || negative.bucketCounts.length > 0 ? [[0, zeroCount] as const] : []),
    ...merged(positive, steps).map(([index, count]) => [2 ** ((index + 1) * factor), count] as const),
  ];
  const sorted = rows.filter(([bound]) => Number.isFinite(bound)).sort(([a], [b]) => a - b);
  const beyond = rows.filter(([bound]) => !Number.isFinite(bound)).reduce((sum, [, count]) => sum + count, 0);
  return { bounds: sorted.map(([bound]) => bound), counts: [...sorted.map(([, count]) => count), beyond] };
}

function coarser(buckets: number): number {
  let steps = 0;
  while (buckets / 2 ** steps > mostBuckets / 2) steps++;
  return steps;
}

function merged(
  { offset, bucketCounts }: ExponentialValue['positive'],
  steps: number,
): [index: number, count: number][] {
  const counts = new Map<number, number>();
  for (const [at, count] of bucketCounts.entries()) {
    const index = (offset + at) >> steps;
    counts.set(index, (counts.get(index) ?? 0) + count);
  }
  return [...counts];
}
