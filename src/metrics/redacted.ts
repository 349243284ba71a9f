/** Series without secrets in their attributes (A62). */
import { redactAttributes, redaction } from '../processing/redact.ts';
import type { Collection, DataPoint, Exemplar } from './collected.ts';
import type { PushExporter } from './periodic-reader.ts';

/** The same exporter; what it gets from now on has been cleaned. A reader of the user's own is not reached by this. */
export function redacting(exporter: PushExporter): PushExporter {
  const send = exporter.export.bind(exporter);
  exporter.export = (collection, done) => send(redaction().isOn ? cleaned(collection) : collection, done);
  return exporter;
}

/** A collection without secrets; what was clean before is the same object. */
function cleaned(collection: Collection): Collection {
  const scopeMetrics = collection.scopeMetrics.map((scope) => ({
    ...scope,
    metrics: scope.metrics.map((metric) => ({ ...metric, dataPoints: metric.dataPoints.map(cleanPoint) })),
  }));
  return { ...collection, scopeMetrics };
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
