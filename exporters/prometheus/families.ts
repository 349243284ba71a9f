/** A collection sorted as Prometheus reads it: all of one name in one place, whoever measured it. */
import { diagnostics } from '../../src/diagnostics.ts';
import type { CollectedMetric, CollectedScope, MeterScope } from '../../src/metrics/collected.ts';
import { escaped } from './labels.ts';
import { type FamilyName, familyName } from './names.ts';

export interface Member {
  readonly metric: CollectedMetric;
  /** Labels that say whose it is. */
  readonly scope: string;
}

export interface Family extends FamilyName {
  readonly help: string;
  readonly members: Member[];
}

/** In the order of the collection. A namesake of another type is said and left out: one page holds one type of it. */
export function familiesOf(scopes: readonly CollectedScope[]): Family[] {
  const families = new Map<string, Family>();
  for (const { scope, metrics } of scopes) {
    const labels = scopeLabels(scope);
    for (const metric of metrics) {
      const name = familyName(metric);
      const sample = name.type === 'counter' ? `${name.base}_total` : name.base;
      const family = families.get(sample) ?? { ...name, help: metric.descriptor.description, members: [] };
      families.set(sample, family);
      if (family.type === name.type) family.members.push({ metric, scope: labels });
      else warnOfType(sample, family.type, name.type);
    }
  }
  return [...families.values()];
}

function warnOfType(name: string, before: string, now: string): void {
  diagnostics.warnOnce(
    `prometheus ${name}`,
    'SONDE_ERR_METRIC',
    `Prometheus would see ${name} as a ${before} and as a ${now}: the ${now} is left out of the page.`,
  );
}

/** Series of prom-client keep the labels they have always had. */
function scopeLabels({ name, version, schemaUrl }: MeterScope): string {
  if (name === 'prom-client') return '';
  const labels = [
    ['otel_scope_name', name],
    ['otel_scope_version', version],
    ['otel_scope_schema_url', schemaUrl],
  ];
  return labels
    .filter(([, value]) => value)
    .map(([label, value]) => `${label}="${escaped(value as string)}"`)
    .join(',');
}
