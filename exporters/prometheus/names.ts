/** Names, units and labels by the OpenTelemetry-to-Prometheus rules. */
import { type CollectedMetric, pointType } from '../../src/metrics/collected.ts';

export type FamilyType = 'counter' | 'gauge' | 'histogram';

export interface FamilyName {
  /** Without `_total`. */
  readonly base: string;
  readonly type: FamilyType;
  /** The word that the name ends with, if it has a unit. */
  readonly unit: string | undefined;
}

/** UCUM to the words of Prometheus. */
const units: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tibibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  B: 'bytes',
  KB: 'kilobytes',
  MB: 'megabytes',
  GB: 'gigabytes',
  TB: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '%': 'percent',
};
const perUnits: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  min: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
};

/** `a-b..c` to `a_b_c`; a name does not begin with a digit. */
function plainName(name: string): string {
  const plain = name.replace(/[^a-zA-Z0-9_:]+/g, '_').replace(/_{2,}/g, '_');
  return /^[0-9]/.test(plain) ? `_${plain}` : plain || '_';
}

/** As a metric's name, without a colon. */
export function labelName(name: string): string {
  const plain = name.replace(/[^a-zA-Z0-9_]+/g, '_').replace(/_{2,}/g, '_');
  return /^[0-9]/.test(plain) ? `key_${plain}` : plain || '_';
}

/** The word for a unit; nothing for none and for what stands in braces. */
function unitWord(unit: string, isGauge: boolean): string {
  const bare = unit.replace(/\{[^}]*\}/g, '').trim();
  if (bare === '1') return isGauge ? 'ratio' : '';
  const [of = '', per] = bare.split('/', 2);
  const main = plainUnit(units[of] ?? of);
  if (per === undefined) return main;
  const divisor = plainUnit(perUnits[per] ?? per);
  if (divisor === '') return main;
  return main === '' ? `per_${divisor}` : `${main}_per_${divisor}`;
}

function plainUnit(text: string): string {
  return text.replace(/[^a-zA-Z0-9]+/g, '_').replace(/^_+|_+$/g, '');
}

function familyType({ dataPointType, isMonotonic }: CollectedMetric): FamilyType {
  if (dataPointType === pointType.sum) return isMonotonic ? 'counter' : 'gauge';
  return dataPointType === pointType.gauge ? 'gauge' : 'histogram';
}

/** `http.server.request.duration` in `s` is `http_server_request_duration_seconds`. */
export function familyName(metric: CollectedMetric): FamilyName {
  const { name, unit } = metric.descriptor;
  const type = familyType(metric);
  const plain = plainName(name);
  const bare = type === 'counter' ? plain.replace(/_total$/, '') : plain;
  const word = unitWord(unit, type === 'gauge' && metric.dataPointType === pointType.gauge);
  if (word === '') return { base: bare, type, unit: undefined };
  return { base: bare === word || bare.endsWith(`_${word}`) ? bare : `${bare}_${word}`, type, unit: word };
}
