/** Collected metrics by OTLP, in the shape that the official reader pushes to. */
import type {
  AggregationOption,
  AggregationTemporality,
  InstrumentType,
  PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import type { Config } from '../../src/config/config.ts';
import type { ItemOf } from './encoding.ts';

/** Numbers of sdk-metrics' enums, which would bring all of the package along. */
const delta = 0;
const cumulative = 1;
const defaultAggregation = 0;
const exponentialHistogram = 5;

type Preferences = Pick<Config['metrics'], 'temporality' | 'histogramAggregation'>;

/** The way that collections go from here. */
export interface MetricPath {
  add(collection: ItemOf['metrics']): void;
  forceFlush(timeoutMillis?: number): Promise<void>;
}

/**
 * Takes one collection after the other. The reader is answered at once: what becomes of a collection is told and
 * counted on its way, by points.
 */
export function otlpMetricExporter(
  path: MetricPath,
  { temporality, histogramAggregation }: Preferences,
): PushMetricExporter {
  return {
    export(collection, done) {
      path.add(collection);
      done({ code: 0 });
    },
    forceFlush: () => path.forceFlush(),
    shutdown: () => path.forceFlush(),
    selectAggregationTemporality: (type) => temporalityOf(type, temporality),
    selectAggregation: (type) => aggregationOf(type, histogramAggregation),
  };
}

/** How many points a collection holds. */
export function pointsOf({ scopeMetrics }: ItemOf['metrics']): number {
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
