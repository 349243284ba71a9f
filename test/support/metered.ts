/** Sonde's own meter provider with official readers on it, and what they collect. */
import {
  AggregationTemporality,
  type DataPoint,
  type MetricData,
  MetricReader,
  type MetricReaderOptions,
} from '@opentelemetry/sdk-metrics';
import type { DataPoint as CollectedPoint } from '../../src/metrics/collected.ts';
import type { Reader } from '../../src/metrics/collector.ts';
import type { ExemplarFilter } from '../../src/metrics/exemplars.ts';
import type { SondeMeter } from '../../src/metrics/meter.ts';
import { SondeMeterProvider } from '../../src/metrics/meter-provider.ts';
import type { ViewOptions } from '../../src/metrics/views.ts';

/** An official reader that collects when it is told to. */
export class ManualReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}

  async metrics(): Promise<MetricData[]> {
    const { resourceMetrics } = await this.collect();
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  }

  async points(name: string): Promise<(DataPoint<any> & CollectedPoint)[]> {
    const found = (await this.metrics()).filter(({ descriptor }) => descriptor.name === name);
    return found.flatMap(({ dataPoints }) => dataPoints as DataPoint<any>[]);
  }
}

export const deltas: MetricReaderOptions = {
  aggregationTemporalitySelector: () => AggregationTemporality.DELTA,
};

export interface Metered {
  readonly provider: SondeMeterProvider;
  readonly meter: SondeMeter;
  readonly reader: ManualReader;
}

export interface MeteredOptions {
  readonly reader?: MetricReaderOptions;
  readonly views?: readonly (ViewOptions | object)[];
  readonly exemplarFilter?: ExemplarFilter;
}

export function metered({ reader: options, views, exemplarFilter }: MeteredOptions = {}): Metered {
  const reader = new ManualReader(options);
  const readers = [reader as unknown as Reader];
  const provider = new SondeMeterProvider({ resource: { attributes: {} }, views, readers, exemplarFilter });
  return { provider, reader, meter: provider.getMeter('shop', '1.2.3') as SondeMeter };
}
