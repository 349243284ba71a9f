/** Collected metrics by OTLP, in the shape that the official reader pushes to. */
import type {
  AggregationOption,
  AggregationTemporality,
  InstrumentType,
  PushMetricExporter,
  ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { Config } from '../../src/config/config.ts';
import type { Losses } from '../../src/delivery/losses.ts';
import type { RetryingExporter } from '../../src/delivery/retry.ts';
import { settled } from '../../src/delivery/wait.ts';
import { diagnostics } from '../../src/diagnostics.ts';

/** Numbers of sdk-metrics' enums, which would bring all of the package along. */
const delta = 0;
const cumulative = 1;
const defaultAggregation = 0;
const exponentialHistogram = 5;

/** Collections that may wait while the receiver is away. Cumulative ones replace each other. */
const mostWaiting = 10;

type Preferences = Pick<Config['metrics'], 'temporality' | 'histogramAggregation'>;

export interface MetricExporterOptions extends Preferences {
  readonly losses?: Losses;
}

/** As `PushMetricExporter`, with an end that has a deadline. */
export interface OtlpMetricExporter extends PushMetricExporter {
  forceFlush(timeoutMillis?: number): Promise<void>;
  shutdown(deadlineMillis?: number): Promise<void>;
  /** Counts what still waits as lost: the process ends. */
  abandon(): void;
}

/**
 * Takes one collection after the other. The reader is answered at once: what becomes of a collection is told and
 * counted here, by points. A cumulative collection that waits is replaced by its successor, which says the same and
 * more; deltas wait in line, `mostWaiting` at most, and the oldest goes first.
 */
export function otlpMetricExporter(
  exporter: RetryingExporter<ResourceMetrics>,
  { temporality, histogramAggregation, losses }: MetricExporterOptions,
): OtlpMetricExporter {
  const waiting: ResourceMetrics[] = [];
  let running: Promise<void> | undefined;
  let closed = false;
  /** Handed to the exporter and not answered yet. */
  let underWay: ResourceMetrics | undefined;

  function settle(points: number, outcome: 'delivered' | 'superseded' | 'forgotten'): void {
    const name = outcome === 'forgotten' ? 'standby.forgotten' : outcome;
    diagnostics.count(`${name}.metrics`, points);
  }

  function lose(points: number, why: string, cause: string, told?: boolean): void {
    if (points === 0) return;
    diagnostics.count(`dropped.metrics.${why}`, points);
    losses?.add('metrics', points, cause, told);
  }

  function makeRoom(): void {
    const most = temporality === 'cumulative' ? 0 : mostWaiting - 1;
    while (waiting.length > most) {
      const points = pointsOf(waiting.shift() as ResourceMetrics);
      if (temporality === 'cumulative') settle(points, 'superseded');
      else if (exporter.standingBy) settle(points, 'forgotten');
      else lose(points, 'queue_full', 'queue full');
    }
  }

  async function deliver(collection: ResourceMetrics): Promise<void> {
    const points = pointsOf(collection);
    underWay = collection;
    const result = await exporter.export([collection]);
    // Given up meanwhile, and counted then.
    if (underWay !== collection) return;
    underWay = undefined;
    if (result.outcome !== 'ok') {
      if (result.forgotten) settle(points, 'forgotten');
      else lose(points, String(result.code), result.reason ?? String(result.code), result.told);
      return;
    }
    const refused = Math.min(result.rejectedItems ?? 0, points);
    settle(points - refused, 'delivered');
    lose(refused, 'partial', result.reason ?? 'refused', result.told);
  }

  async function deliverAll(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await deliver(next);
    running = undefined;
  }

  function abandon(): void {
    const left = underWay === undefined ? waiting.splice(0) : [underWay, ...waiting.splice(0)];
    underWay = undefined;
    const points = left.reduce((sum, collection) => sum + pointsOf(collection), 0);
    if (exporter.standingBy) settle(points, 'forgotten');
    else lose(points, 'shutdown', 'not sent before the end');
  }

  return {
    export(collection, done) {
      const points = pointsOf(collection);
      diagnostics.count('emitted.metrics', points);
      if (closed) lose(points, 'shutdown', 'born after shutdown');
      else {
        makeRoom();
        waiting.push(collection);
        running ??= deliverAll();
      }
      done({ code: 0 });
    },
    async forceFlush(timeoutMillis = 30_000) {
      exporter.nudge();
      await settled(running ?? Promise.resolve(), timeoutMillis, () => exporter.standingBy);
    },
    async shutdown(deadlineMillis = 2000) {
      if (closed) return;
      closed = true;
      exporter.hurry();
      await settled(running ?? Promise.resolve(), deadlineMillis);
      abandon();
      await exporter.shutdown();
      await settled(running ?? Promise.resolve(), 100);
    },
    abandon,
    selectAggregationTemporality: (type) => temporalityOf(type, temporality),
    selectAggregation: (type) => aggregationOf(type, histogramAggregation),
  };
}

function pointsOf({ scopeMetrics }: ResourceMetrics): number {
  return scopeMetrics
    .flatMap((scope) => scope.metrics)
    .reduce((sum, metric) => sum + metric.dataPoints.length, 0);
}

/** The specification's table: `delta` and `lowmemory` leave up-down counters alone, whose sums need a beginning. */
function temporalityOf(type: InstrumentType, wanted: Preferences['temporality']): AggregationTemporality {
  const name: string = type;
  const isUpDown = name.includes('UP_DOWN');
  const isDelta = {
    cumulative: false,
    delta: !isUpDown,
    lowmemory: name === 'COUNTER' || name === 'HISTOGRAM',
  }[wanted];
  return isDelta ? delta : cumulative;
}

function aggregationOf(type: InstrumentType, wanted: Preferences['histogramAggregation']): AggregationOption {
  const isExponential = type === 'HISTOGRAM' && wanted === 'base2_exponential_bucket_histogram';
  return { type: isExponential ? exponentialHistogram : defaultAggregation };
}
