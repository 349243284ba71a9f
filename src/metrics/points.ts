/** One series of one stream: what its measurements have come to so far. */
import type { Attributes } from '@opentelemetry/api';
import type { HistogramValue, PointValue } from './collected.ts';
import type { Reservoir } from './exemplars.ts';

/** A growing value. Each kind of aggregation has one; `take` and `observe` are its hot paths. */
export abstract class Point {
  readonly attributes: Attributes;
  /** Epoch milliseconds. */
  readonly startTime: number;
  readonly exemplars: Reservoir | undefined;
  /** Handed over to the reader: whoever still holds it asks the stream for its successor. */
  isOver: boolean;

  constructor(attributes: Attributes, startTime: number, exemplars: Reservoir | undefined) {
    this.attributes = attributes;
    this.startTime = startTime;
    this.exemplars = exemplars;
    this.isOver = false;
  }

  /** Takes a measurement; gives back its bucket. */
  abstract take(value: number): number;
  /** What it has come to. The point may grow on. */
  abstract value(): PointValue;
}

export class SumPoint extends Point {
  #sum = 0;

  take(value: number): number {
    this.#sum += value;
    return 0;
  }

  value(): number {
    return this.#sum;
  }
}

export class LastPoint extends Point {
  #last = 0;

  take(value: number): number {
    this.#last = value;
    return 0;
  }

  value(): number {
    return this.#last;
  }
}

/** What every histogram of a stream shares. */
export interface HistogramShape {
  /** Upper bounds, inclusive, ascending. */
  readonly boundaries: readonly number[];
  readonly hasMinMax: boolean;
  /** A sum of what can be negative says nothing over time. */
  readonly hasSum: boolean;
}

export class HistogramPoint extends Point {
  readonly #shape: HistogramShape;
  readonly #boundaries: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  constructor(
    shape: HistogramShape,
    attributes: Attributes,
    startTime: number,
    exemplars: Reservoir | undefined,
  ) {
    super(attributes, startTime, exemplars);
    this.#shape = shape;
    this.#boundaries = shape.boundaries;
    this.#counts = new Array(shape.boundaries.length + 1).fill(0);
  }

  take(value: number): number {
    const bucket = bucketOf(this.#boundaries, value);
    (this.#counts[bucket] as number)++;
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    return bucket;
  }

  value(): HistogramValue {
    const { boundaries, hasMinMax, hasSum } = this.#shape;
    return {
      buckets: { boundaries: boundaries as number[], counts: this.#counts.slice() },
      count: this.#count,
      sum: hasSum ? this.#sum : undefined,
      min: hasMinMax ? this.#min : undefined,
      max: hasMinMax ? this.#max : undefined,
    };
  }
}

/** The first bound that is not smaller. */
function bucketOf(boundaries: readonly number[], value: number): number {
  let low = 0;
  let high = boundaries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((boundaries[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
