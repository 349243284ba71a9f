/** Two instruments of one meter with one name: said once, and both go on. */
import { diagnostics } from '../diagnostics.ts';
import type { Descriptor } from './collected.ts';

const differing = ['type', 'unit', 'description', 'valueType'] as const;

/** Whether two descriptors are one instrument for OpenTelemetry's specification; names count without case. */
export function isSameInstrument(a: Descriptor, b: Descriptor): boolean {
  return (
    a.name.toLowerCase() === b.name.toLowerCase() &&
    a.type === b.type &&
    a.unit === b.unit &&
    a.valueType === b.valueType
  );
}

/** Says what differs and how to mend it. A description alone spoils nothing. */
export function warnOfConflict(meter: string, before: Descriptor, now: Descriptor): void {
  const said = differing
    .filter((field) => before[field] !== now[field])
    .map((field) => `${field} ${JSON.stringify(before[field])} and ${JSON.stringify(now[field])}`);
  if (before.name !== now.name) said.unshift(`names ${before.name} and ${now.name}`);
  if (said.length === 0) return;
  diagnostics.warnOnce(
    `conflict ${meter} ${now.name}`,
    'SONDE_ERR_METRIC',
    `Metric ${JSON.stringify(now.name)} of meter ${JSON.stringify(meter)} exists twice, with ${said.join(', ')}. ` +
      'Give one of them another name, or rename it by a view.',
  );
}

const validName = /^[a-z][a-z0-9_.\-/]{0,254}$/i;

export function warnOfName(name: string): void {
  if (validName.test(name)) return;
  diagnostics.warnOnce(
    'metric name',
    'SONDE_ERR_METRIC',
    `Metric name ${JSON.stringify(name.slice(0, 80))} is not one of OpenTelemetry's: a letter, then letters, digits, ` +
      '_ . - /, 255 in all. It is used as it is.',
  );
}
