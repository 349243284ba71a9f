/** Exponential histograms: buckets that follow the values, at most so many of them. */
import type { Attributes } from '@opentelemetry/api';
import type { ExponentialBuckets, ExponentialValue } from './collected.ts';
import type { Reservoir } from './exemplars.ts';
import { type HistogramShape, Point } from './points.ts';

/** The finest that doubles can tell apart. */
const mostScale = 20;
const leastScale = -10;

const bits = new DataView(new ArrayBuffer(8));

/** The bucket of a positive value at `scale`: above `base ** index`, up to `base ** (index + 1)`. */
export function indexOf(value: number, scale: number): number {
  bits.setFloat64(0, value);
  const high = bits.getUint32(0);
  const rawExponent = (high >>> 20) & 0x7ff;
  // What is smaller than the smallest normal number counts as it.
  if (rawExponent === 0) return scale > 0 ? -1022 * 2 ** scale - 1 : -1023 >> -scale;
  const exponent = rawExponent - 1023;
  const isPower = (high & 0xfffff) === 0 && bits.getUint32(4) === 0;
  if (scale <= 0) return (isPower ? exponent - 1 : exponent) >> -scale;
  // A logarithm is not exact, and least of all where a bucket ends.
  if (isPower) return exponent * 2 ** scale - 1;
  return Math.floor(Math.log(value) * 2 ** scale * Math.LOG2E);
}

/** Counts from `offset` on, without a gap. */
class Buckets {
  offset = 0;
  counts: number[] = [];

  /** How many there would be with `index`. */
  spanWith(index: number): number {
    if (this.counts.length === 0) return 1;
    return Math.max(index, this.offset + this.counts.length - 1) - Math.min(index, this.offset) + 1;
  }

  add(index: number): void {
    if (this.counts.length === 0) this.offset = index;
    if (index < this.offset) {
      this.counts.unshift(...new Array<number>(this.offset - index).fill(0));
      this.offset = index;
    }
    const at = index - this.offset;
    while (this.counts.length <= at) this.counts.push(0);
    (this.counts[at] as number)++;
  }

  /** Merges `2 ** steps` neighbours into one. */
  coarsen(steps: number): void {
    if (this.counts.length === 0) return;
    const offset = this.offset >> steps;
    const last = (this.offset + this.counts.length - 1) >> steps;
    const merged = new Array<number>(last - offset + 1).fill(0);
    for (const [at, count] of this.counts.entries()) {
      (merged[((this.offset + at) >> steps) - offset] as number) += count;
    }
    this.offset = offset;
    this.counts = merged;
  }

  value(): ExponentialBuckets {
    return { offset: this.offset, bucketCounts: this.counts.slice() };
  }
}

export interface ExponentialShape extends Omit<HistogramShape, 'boundaries'> {
  readonly maxSize: number;
}

export class ExponentialPoint extends Point {
  readonly #shape: ExponentialShape;
  readonly #positive = new Buckets();
  readonly #negative = new Buckets();
  #scale = mostScale;
  #zeros = 0;
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  constructor(
    shape: ExponentialShape,
    attributes: Attributes,
    startTime: number,
    exemplars: Reservoir | undefined,
  ) {
    super(attributes, startTime, exemplars);
    this.#shape = shape;
  }

  take(value: number): number {
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (value === 0) this.#zeros++;
    else this.#addTo(value > 0 ? this.#positive : this.#negative, Math.abs(value));
    return 0;
  }

  #addTo(buckets: Buckets, size: number): void {
    let index = indexOf(size, this.#scale);
    let steps = 0;
    for (let span = buckets.spanWith(index); span > this.#shape.maxSize; span = Math.ceil(span / 2)) steps++;
    if (steps > 0) {
      this.#coarsen(Math.min(steps, this.#scale - leastScale));
      index = indexOf(size, this.#scale);
    }
    // The estimate above can be one short.
    while (buckets.spanWith(index) > this.#shape.maxSize && this.#scale > leastScale) {
      this.#coarsen(1);
      index = indexOf(size, this.#scale);
    }
    buckets.add(index);
  }

  #coarsen(steps: number): void {
    this.#scale -= steps;
    this.#positive.coarsen(steps);
    this.#negative.coarsen(steps);
  }

  value(): ExponentialValue {
    const { hasMinMax, hasSum } = this.#shape;
    return {
      count: this.#count,
      sum: hasSum ? this.#sum : undefined,
      min: hasMinMax ? this.#min : undefined,
      max: hasMinMax ? this.#max : undefined,
      scale: this.#scale,
      zeroCount: this.#zeros,
      positive: this.#positive.value(),
      negative: this.#negative.value(),
    };
  }
}
