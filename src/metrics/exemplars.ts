/** Exemplars by OpenTelemetry's specification: which measurements are offered, and which few are kept. */
import { type Attributes, type Context, trace } from '@opentelemetry/api';
import { activeContext } from '../context/context.ts';
import { stampOf } from '../context/correlation.ts';
import { type Exemplar, hrTime } from './collected.ts';
import { seriesAttributes } from './series-key.ts';

export type ExemplarFilter = 'always_on' | 'always_off' | 'trace_based';

/** The context of a measurement that may become an exemplar; nothing for one that may not. */
export type Offered = (context: Context | undefined) => Context | undefined;

const nobody: Offered = () => undefined;
const everybody: Offered = (context) => context ?? activeContext();
/** Only what leads to a trace that somebody keeps. */
const sampled: Offered = (given) => {
  const context = given ?? activeContext();
  const span = trace.getSpan(context);
  return span !== undefined && (span.spanContext().traceFlags & 1) === 1 ? context : undefined;
};

export function offeredBy(filter: ExemplarFilter): Offered {
  return { always_on: everybody, always_off: nobody, trace_based: sampled }[filter];
}

/** What is kept of a measurement. Not its context, which would keep a whole request alive. */
interface Kept {
  readonly value: number;
  readonly time: number;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly correlationId: string | undefined;
  readonly filtered: Attributes;
}

/**
 * A few measurements of one series, evenly chosen among those since the last collection. What is not replaced stays
 * until the series ends: a cumulative point that did not move still leads to its trace.
 */
export class Reservoir {
  readonly #kept: (Kept | undefined)[];
  readonly #seen: number[];
  readonly #byBucket: boolean;

  /** `byBucket`: one for each bucket of a histogram; else `size` for the whole series. */
  constructor(size: number, byBucket: boolean) {
    this.#kept = new Array(size);
    this.#seen = new Array(byBucket ? size : 1).fill(0);
    this.#byBucket = byBucket;
  }

  /** `given` are the attributes as measured, `series` those of the series. */
  offer(bucket: number, value: number, context: Context, given: Attributes, series: Attributes): void {
    const at = this.#placeFor(bucket);
    if (at >= 0) this.#kept[at] = keep(value, context, given, series);
  }

  #placeFor(bucket: number): number {
    const seen = this.#seen;
    if (this.#byBucket) {
      const count = (seen[bucket] as number) + 1;
      seen[bucket] = count;
      return count === 1 || Math.random() * count < 1 ? bucket : -1;
    }
    const size = this.#kept.length;
    const count = (seen[0] as number) + 1;
    seen[0] = count;
    if (count <= size) return count - 1;
    const at = Math.floor(Math.random() * count);
    return at < size ? at : -1;
  }

  /** What is kept now; from now on newer ones replace it. */
  collect(): Exemplar[] | undefined {
    this.#seen.fill(0);
    const kept = this.#kept.filter((one) => one !== undefined);
    return kept.length === 0 ? undefined : kept.map(exemplarOf);
  }
}

function keep(value: number, context: Context, given: Attributes, series: Attributes): Kept {
  const { traceId, spanId, correlationId } = stampOf(context);
  return { value, time: Date.now(), traceId, spanId, correlationId, filtered: without(given, series) };
}

const nothing: Attributes = Object.freeze({});

/** What was said and is not in the series' own attributes. */
function without(given: Attributes, series: Attributes): Attributes {
  if (given === series) return nothing;
  const names = Object.keys(given).filter((name) => !Object.hasOwn(series, name));
  return names.length === 0
    ? nothing
    : seriesAttributes(Object.fromEntries(names.map((name) => [name, given[name]])));
}

function exemplarOf({ value, time, traceId, spanId, correlationId, filtered }: Kept): Exemplar {
  // As on spans: an id that is the trace id is not repeated.
  const isNew = correlationId !== undefined && correlationId !== traceId;
  const filteredAttributes = isNew ? { ...filtered, correlation_id: correlationId } : filtered;
  return { value, timestamp: hrTime(time), traceId, spanId, filteredAttributes };
}
