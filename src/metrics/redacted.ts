/** Series without secrets in their attributes (A62). */
import { redactAttributes, redaction } from '../processing/redact.ts';
import type { CollectedScope, Collection, DataPoint, Exemplar } from './collected.ts';
import type { PushExporter } from './periodic-reader.ts';

/** The same exporter; what it gets from now on has been cleaned. A reader of the user's own is not reached by this. */
export function redacting(exporter: PushExporter): PushExporter {
  const send = exporter.export.bind(exporter);
  exporter.export = (collection, done) => send(cleaned(collection), done);
  return exporter;
}

function cleaned(collection: Collection): Collection {
  const scopeMetrics = withoutSecrets(collection.scopeMetrics);
  return scopeMetrics === collection.scopeMetrics ? collection : { ...collection, scopeMetrics };
}

/** The same metrics; a point that was clean before is the same object. */
export function withoutSecrets(scopes: readonly CollectedScope[]): readonly CollectedScope[] {
  if (!redaction().isOn) return scopes;
  return scopes.map((scope) => ({
    ...scope,
    metrics: scope.metrics.map((metric) => ({ ...metric, dataPoints: metric.dataPoints.map(cleanPoint) })),
  }));
}

function cleanPoint(point: DataPoint): DataPoint {
  const attributes = redactAttributes(point.attributes);
  if (point.exemplars !== undefined) {
    return { ...point, attributes, exemplars: point.exemplars.map(cleanExemplar) };
  }
  return attributes === point.attributes ? point : { ...point, attributes };
}

function cleanExemplar(exemplar: Exemplar): Exemplar {
  const filteredAttributes = redactAttributes(exemplar.filteredAttributes);
  return filteredAttributes === exemplar.filteredAttributes ? exemplar : { ...exemplar, filteredAttributes };
}
