/** Series without secrets in their attributes (A62). */
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { redactAttributes, redaction } from '../processing/redact.ts';

/** The same exporter; what it gets from now on has been cleaned. A reader of the user's own is not reached by this. */
export function redacting(exporter: PushMetricExporter): PushMetricExporter {
  const send = exporter.export.bind(exporter);
  exporter.export = (collection, done) => send(redaction().isOn ? cleaned(collection) : collection, done);
  return exporter;
}

function cleaned(collection: ResourceMetrics): ResourceMetrics {
  const scopeMetrics = collection.scopeMetrics.map((scope) => ({
    ...scope,
    metrics: scope.metrics.map((metric) => ({ ...metric, dataPoints: metric.dataPoints.map(cleanPoint) })),
  }));
  return { ...collection, scopeMetrics: scopeMetrics as ResourceMetrics['scopeMetrics'] };
}

function cleanPoint<P extends { readonly attributes: object }>(point: P): P {
  const attributes = redactAttributes(point.attributes);
  return attributes === point.attributes ? point : { ...point, attributes };
}
