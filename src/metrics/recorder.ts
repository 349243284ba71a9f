/** Counters, histograms and gauges: a measurement on its way to its points, and handles that know the way. */
import type { Attributes, Context } from '@opentelemetry/api';
import { diagnostics } from '../diagnostics.ts';
import type { Descriptor, InstrumentKind } from './collected.ts';
import type { Offered } from './exemplars.ts';
import type { Point } from './points.ts';
import { SeriesTree, seriesAttributes } from './series-key.ts';
import type { RecordedStream } from './stream.ts';
import type { KeyTest } from './views.ts';

const growing: ReadonlySet<InstrumentKind> = new Set(['COUNTER', 'HISTOGRAM']);

/** An instrument's measurements, whatever the method is called by which they are told. */
export class Recorder {
  readonly descriptor: Descriptor;
  readonly streams: RecordedStream[] = [];
  readonly offered: Offered;
  readonly #isGrowing: boolean;
  readonly #isInteger: boolean;
  #tree: SeriesTree<Series> | undefined;

  constructor(descriptor: Descriptor, offered: Offered) {
    this.descriptor = descriptor;
    this.offered = offered;
    this.#isGrowing = growing.has(descriptor.type);
    this.#isInteger = descriptor.valueType === 0;
  }

  /** Whether anybody collects it. */
  enabled(): boolean {
    return this.streams.length > 0;
  }

  /** One more reader, or one more view. */
  addStream(stream: RecordedStream): void {
    this.streams.push(stream);
    this.#tree = this.#newTree();
    stream.onAnew = () => this.#tree?.clear();
  }

  removeStreams(): void {
    this.streams.length = 0;
  }

  /** What of a value counts; nothing of one that would spoil the sum of all the others. */
  usable(value: unknown): number | undefined {
    if (typeof value !== 'number' || !Number.isFinite(value)) return this.#leaveOut('it is no finite number');
    if (value < 0 && this.#isGrowing) return this.#leaveOut('it is negative');
    return this.#isInteger ? Math.trunc(value) : value;
  }

  #leaveOut(why: string): undefined {
    diagnostics.debug(`A measured value of ${this.descriptor.name} was left out: ${why}.`);
  }

  record(value: unknown, attributes: unknown, context: Context | undefined): void {
    if (this.streams.length === 0) return;
    const usable = this.usable(value);
    if (usable === undefined) return;
    try {
      this.#seriesOf(attributes, context).take(usable, context, attributes);
    } catch {
      // A getter or a proxy of the app's: a measurement must not cost a request.
      diagnostics.debug(
        `A measurement of ${this.descriptor.name} was left out: its attributes threw an error.`,
      );
    }
  }

  /** A handle on one series: `value` alone is told from then on. */
  bind(attributes: unknown): Series {
    return new Series(this, seriesAttributes(attributes));
  }

  #seriesOf(attributes: unknown, context: Context | undefined): Series {
    if (typeof attributes !== 'object' || attributes === null) return this.#newSeries({}, context);
    const known = this.#tree?.find(attributes as Attributes);
    return known ?? this.#newSeries(attributes as Attributes, context);
  }

  #newSeries(attributes: Attributes, context: Context | undefined): Series {
    const known = this.#tree?.find(attributes);
    if (known !== undefined) return known;
    const series = this.bind(attributes);
    // A flood has no place in memory: what belongs nowhere of its own is looked up each time.
    if (!series.isOverflow(context)) this.#tree?.add(attributes, series);
    return series;
  }

  /** None where a processor of the app's decides at each measurement. */
  #newTree(): SeriesTree<Series> | undefined {
    const shapes = this.streams.map(({ shape }) => shape);
    if (shapes.some(({ processors }) => processors.length > 0)) return undefined;
    const tests = shapes.map(({ keeps }) => keeps);
    if (tests.some((keeps) => keeps === undefined)) return new SeriesTree();
    return new SeriesTree((name) => (tests as KeyTest[]).some((keeps) => keeps(name)));
  }
}

/** One set of attributes, and its point in each stream. */
export class Series {
  readonly attributes: Attributes;
  readonly #recorder: Recorder;
  readonly #points: Point[] = [];

  constructor(recorder: Recorder, attributes: Attributes) {
    this.#recorder = recorder;
    this.attributes = attributes;
  }

  /** A measurement through a handle. */
  record(value: unknown, context: Context | undefined): void {
    const usable = this.#recorder.usable(value);
    if (usable === undefined) return;
    try {
      this.take(usable, context, this.attributes);
    } catch {
      diagnostics.debug(
        `A measurement of ${this.#recorder.descriptor.name} was left out: its context is none.`,
      );
    }
  }

  /** `given`: the attributes as they were said, of which a view may have taken some off. */
  take(value: number, context: Context | undefined, given: unknown): void {
    const { streams, offered } = this.#recorder;
    const points = this.#points;
    const moment = offered(context);
    for (let at = 0; at < streams.length; at++) {
      let point = points[at];
      if (point === undefined || point.isOver) point = this.#renew(at, context);
      const bucket = point.take(value);
      if (moment !== undefined) {
        point.exemplars?.offer(bucket, value, moment, this.#said(given), point.attributes);
      }
    }
  }

  #renew(at: number, context: Context | undefined): Point {
    const stream = this.#recorder.streams[at] as RecordedStream;
    const point = stream.pointOf(this.attributes, context);
    this.#points[at] = point;
    return point;
  }

  #said(given: unknown): Attributes {
    return typeof given === 'object' && given !== null ? (given as Attributes) : this.attributes;
  }

  /** Whether every stream counts it together with others. */
  isOverflow(context: Context | undefined): boolean {
    const { streams } = this.#recorder;
    return streams.every((stream, at) => stream.isOverflow(this.#renew(at, context)));
  }
}
