/** Official parts fit Sonde's sockets: checked by `tsc`, run by nobody. */
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace';
import type { InitOptions } from '../../src/index.ts';

declare const spanExporter: ConstructorParameters<typeof SimpleSpanProcessor>[0]['exporter'];
declare const metricExporter: ConstructorParameters<typeof PeriodicExportingMetricReader>[0]['exporter'];

export const options: InitOptions = {
  service: { name: 'shop' },
  sdk: {
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [
      new SimpleSpanProcessor({ exporter: spanExporter }),
      new BatchSpanProcessor({ exporter: spanExporter }),
    ],
    metricReaders: [new PeriodicExportingMetricReader({ exporter: metricExporter })],
    views: [{ instrumentName: 'http.server.request.duration', attributesProcessors: [] }],
    instrumentations: [new HttpInstrumentation()],
  },
};

// @ts-expect-error an option that does not exist
export const unknown: InitOptions = { service: { nam: 'shop' } };

// @ts-expect-error a level is text in tree syntax, not a number
export const wrongLevel: InitOptions = { logs: { level: 9 } };
