/** What the exporter name `console` stands for: the official exporters, read only where it is chosen. */
import { ConsoleMetricExporter } from '@opentelemetry/sdk-metrics';
import { ConsoleSpanExporter, SimpleSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace';

export function metricExporter(): ConsoleMetricExporter {
  return new ConsoleMetricExporter();
}

export function spanProcessor(): SpanProcessor {
  return new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() });
}
