/** A metric that is asked for at each collection, as one reader sees it. */
import type { Context } from '@opentelemetry/api';
import { type DataPoint, pointType } from './collected.ts';
import { seriesAttributes, seriesKey } from './series-key.ts';
import { Stream } from './stream.ts';

export class ObservedStream extends Stream {
  /** What the sums were at the last collection, for deltas. At most as many as there are series. */
  #before: Map<string, number> = new Map();

  /** Observed are sums and states as they are now: what was not observed this time is not exported. */
  begin(): void {
    if (this.#is(pointType.sum) || this.#is(pointType.gauge)) this.clear();
  }

  /** Observations with attributes that this stream does not tell apart add up; of a gauge the last one counts. */
  observe(value: number, attributes: unknown, context: Context | undefined): void {
    this.find(this.narrowed(seriesAttributes(attributes), context), this.startTime).take(value);
  }

  collect(now: number): DataPoint[] {
    const points = this.dataPoints(now);
    if (!this.shape.isDelta) return points;
    this.clear();
    this.startTime = now;
    return this.#is(pointType.sum) ? this.#growths(points) : points;
  }

  #is(type: number): boolean {
    return this.shape.aggregation.dataPointType === type;
  }

  #growths(points: readonly DataPoint[]): DataPoint[] {
    const before = this.#before;
    this.#before = new Map();
    return points.map((point) => {
      const key = seriesKey(point.attributes);
      const sum = point.value as number;
      this.#before.set(key, sum);
      return { ...point, value: this.#growth(sum, before.get(key)) };
    });
  }

  /** A monotonic sum that shrank began anew. */
  #growth(sum: number, before = 0): number {
    return this.shape.aggregation.isMonotonic && sum < before ? sum : sum - before;
  }
}
