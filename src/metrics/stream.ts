/** One metric as one reader sees it: an instrument through a view. Its series never exceed its limit. */
import type { Attributes, Context, HrTime } from '@opentelemetry/api';
import type { Aggregation } from './aggregation.ts';
import { overflowAttributes, warnOfOverflow } from './cardinality.ts';
import { type CollectedMetric, type DataPoint, type Descriptor, hrTime, temporality } from './collected.ts';
import type { Point } from './points.ts';
import { seriesAttributes, seriesKey } from './series-key.ts';
import type { AttributesProcessor, KeyTest } from './views.ts';

/** What a stream is, before anything was measured. */
export interface StreamShape {
  readonly descriptor: Descriptor;
  readonly aggregation: Aggregation;
  readonly isDelta: boolean;
  readonly limit: number;
  readonly withExemplars: boolean;
  readonly keeps: KeyTest | undefined;
  readonly processors: readonly AttributesProcessor[];
}

export abstract class Stream {
  readonly shape: StreamShape;
  protected points: Map<string, Point> = new Map();
  protected overflow: Point | undefined;
  /** Where a delta begins, or a cumulative point that nobody has touched. */
  protected startTime: number;

  constructor(shape: StreamShape, startTime: number) {
    this.shape = shape;
    this.startTime = startTime;
  }

  /** The points since the last collection, or since ever. */
  abstract collect(now: number): DataPoint[];

  metric(now: number): CollectedMetric | undefined {
    const dataPoints = this.collect(now);
    if (dataPoints.length === 0) return undefined;
    const { descriptor, aggregation, isDelta } = this.shape;
    const { dataPointType, isMonotonic } = aggregation;
    const aggregationTemporality = isDelta ? temporality.delta : temporality.cumulative;
    return isMonotonic === undefined
      ? { descriptor, aggregationTemporality, dataPointType, dataPoints }
      : { descriptor, aggregationTemporality, dataPointType, isMonotonic, dataPoints };
  }

  /** The point of a series: its own, a new one, or that of everything that came too late. */
  protected find(attributes: Attributes, startTime: number): Point {
    const key = seriesKey(attributes);
    const known = this.points.get(key);
    if (known !== undefined) return known;
    if (this.points.size >= this.shape.limit - 1) return this.#overflown(startTime);
    const point = this.#newPoint(attributes, startTime);
    this.points.set(key, point);
    return point;
  }

  #newPoint(attributes: Attributes, startTime: number): Point {
    return this.shape.aggregation.point(attributes, startTime, this.shape.withExemplars);
  }

  #overflown(startTime: number): Point {
    if (this.overflow !== undefined) return this.overflow;
    const { descriptor, limit } = this.shape;
    this.overflow = this.#newPoint(overflowAttributes, startTime);
    warnOfOverflow(
      descriptor.name,
      limit,
      [...this.points.values()].map((point) => point.attributes),
    );
    return this.overflow;
  }

  protected clear(): void {
    this.points.clear();
    this.overflow = undefined;
  }

  protected all(): Point[] {
    const points = [...this.points.values()];
    if (this.overflow !== undefined) points.push(this.overflow);
    return points;
  }

  /** What each series has come to, since `startTime` or since it began. */
  protected dataPoints(now: number, startTime?: HrTime): DataPoint[] {
    const endTime = hrTime(now);
    return this.all().map((point) => {
      const { attributes } = point;
      const exemplars = point.exemplars?.collect();
      const value = point.value();
      const start = startTime ?? hrTime(point.startTime);
      return exemplars === undefined
        ? { startTime: start, endTime, attributes, value }
        : { startTime: start, endTime, attributes, value, exemplars };
    });
  }

  /** The attributes that this stream keeps; the same object where it keeps all. */
  narrowed(attributes: Attributes, context: Context | undefined): Attributes {
    const { keeps, processors } = this.shape;
    let left = attributes;
    if (keeps !== undefined) {
      const kept = Object.keys(left).filter(keeps);
      left = Object.fromEntries(kept.map((name) => [name, left[name]]));
    }
    return processors.length === 0 ? left : processed(processors, left, context);
  }
}

/** A processor of the app's that throws takes nothing off. */
function processed(
  processors: readonly AttributesProcessor[],
  attributes: Attributes,
  context: Context | undefined,
): Attributes {
  try {
    const left = processors.reduce((given, processor) => processor.process(given, context), attributes);
    return left === attributes ? left : seriesAttributes(left);
  } catch {
    return attributes;
  }
}

/** Of an instrument that is told of each measurement. */
export class RecordedStream extends Stream {
  /** Called when every point is over: who remembers series by them forgets. */
  onAnew: () => void = () => undefined;

  /** Where a measurement with these attributes belongs until the next collection of a delta. */
  pointOf(attributes: Attributes, context: Context | undefined): Point {
    return this.find(this.narrowed(attributes, context), Date.now());
  }

  isOverflow(point: Point): boolean {
    return point === this.overflow;
  }

  collect(now: number): DataPoint[] {
    const { isDelta } = this.shape;
    const collected = this.dataPoints(now, isDelta ? hrTime(this.startTime) : undefined);
    if (isDelta) this.#startAnew(now);
    return collected;
  }

  #startAnew(now: number): void {
    for (const point of this.all()) point.isOver = true;
    this.clear();
    this.startTime = now;
    this.onAnew();
  }
}
