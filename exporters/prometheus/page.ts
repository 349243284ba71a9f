/** The page that Prometheus scrapes, in its text format 0.0.4 and in OpenMetrics 1.0, written in small turns. */
import type { Attributes } from '@opentelemetry/api';
import {
  type CollectedMetric,
  type Collection,
  type DataPoint,
  type Exemplar,
  type HistogramValue,
  pointType,
} from '../../src/metrics/collected.ts';
import { Turn } from '../../src/metrics/turn.ts';
import { redactAttributes } from '../../src/processing/redact.ts';
import { bucketsOf } from './buckets.ts';
import { type Family, familiesOf } from './families.ts';
import { escaped, escapedHelp, labelsText, seriesLabels } from './labels.ts';
import { sumOf } from './merge.ts';
import { labelName } from './names.ts';

export type PageFormat = 'text' | 'openmetrics';

export const contentTypes: Readonly<Record<PageFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

type Scraped = Collection<{ readonly attributes?: object }>;

/** Points between two looks at the clock. */
const pieceSize = 50;

/** The page as UTF-8; others have their turn while it is written. */
export async function writePage(collection: Scraped, format: PageFormat): Promise<Buffer> {
  const turn = new Turn();
  const pieces: Buffer[] = [];
  for (const piece of pageOf(collection, format)) {
    pieces.push(Buffer.from(piece));
    if (turn.isOver()) await turn.next();
  }
  return Buffer.concat(pieces);
}

function* pageOf(collection: Scraped, format: PageFormat): Iterable<string> {
  yield targetInfo((collection.resource?.attributes ?? {}) as Attributes, format);
  for (const family of familiesOf(collection.scopeMetrics)) yield* familyText(family, format);
  if (format === 'openmetrics') yield '# EOF\n';
}

function targetInfo(attributes: Attributes, format: PageFormat): string {
  const [name, type] = format === 'openmetrics' ? ['target', 'info'] : ['target_info', 'gauge'];
  const head = `# HELP ${name} Target metadata\n# TYPE ${name} ${type}\n`;
  return `${head}target_info{${labelsText(attributes)}} 1\n`;
}

function* familyText(family: Family, format: PageFormat): Iterable<string> {
  const series = new Map<string, Series>();
  let looked = 0;
  for (const { metric, scope } of family.members) {
    for (const point of metric.dataPoints) {
      const own = seriesLabels(point.attributes);
      const labels = own === '' || scope === '' ? own + scope : `${own},${scope}`;
      const before = series.get(labels);
      if (before === undefined) series.set(labels, { metric, point });
      else if (before.metric === metric) before.point = together(before, point);
      // Names that differ in dots only are one name here; a series that is said twice fails the scrape.
      if (++looked % pieceSize === 0) yield '';
    }
  }
  let text = headOf(family, format);
  let points = 0;
  for (const [labels, { point }] of series) {
    text += pointText(family, point, labels, format);
    if (++points % pieceSize === 0) {
      yield text;
      text = '';
    }
  }
  yield text;
}

/** One line of the page, or one set of buckets. */
interface Series {
  readonly metric: CollectedMetric;
  point: DataPoint;
}

/** What differed in a secret only, or in what a name of a label may not hold: nothing that was counted is left out. */
function together({ metric, point }: Series, other: DataPoint): DataPoint {
  return metric.dataPointType === pointType.gauge ? point : sumOf(point, other);
}

function headOf({ base, type, unit, help }: Family, format: PageFormat): string {
  const isOpen = format === 'openmetrics';
  const name = type === 'counter' && !isOpen ? `${base}_total` : base;
  const unitLine = isOpen && unit !== undefined ? `# UNIT ${name} ${unit}\n` : '';
  const helpText = isOpen ? escaped(help) : escapedHelp(help);
  return `${help === '' ? '' : `# HELP ${name} ${helpText}\n`}# TYPE ${name} ${type}\n${unitLine}`;
}

function pointText({ base, type }: Family, point: DataPoint, labels: string, format: PageFormat): string {
  if (type === 'histogram') return histogramText(base, point, labels, format);
  const name = type === 'counter' ? `${base}_total` : base;
  const exemplar = type === 'counter' ? exemplarText(newest(point.exemplars), format) : '';
  return `${name}${braced(labels)} ${numberText(point.value as number)}${exemplar}\n`;
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function histogramText(name: string, point: DataPoint, labels: string, format: PageFormat): string {
  const { bounds, counts } = bucketsOf(point);
  const { sum, count } = point.value as HistogramValue;
  const lead = `${name}_bucket{${labels}${labels === '' ? '' : ','}le="`;
  const exemplars = format === 'openmetrics' ? exemplarsByBucket(bounds, point.exemplars) : undefined;
  let text = '';
  let total = 0;
  for (const [at, each] of counts.entries()) {
    total += each;
    const bound = at < bounds.length ? boundText(bounds[at] as number, format) : '+Inf';
    text += `${lead}${bound}"} ${total}${exemplarText(exemplars?.[at], format)}\n`;
  }
  if (sum !== undefined) text += `${name}_sum${braced(labels)} ${numberText(sum)}\n`;
  return `${text}${name}_count${braced(labels)} ${count}\n`;
}

/** OpenMetrics wants a number with a point for a bound, so that it is the same in every language. */
function boundText(bound: number, format: PageFormat): string {
  return format === 'openmetrics' && Number.isInteger(bound) && Math.abs(bound) < 1e15
    ? `${bound}.0`
    : String(bound);
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function exemplarsByBucket(
  bounds: readonly number[],
  exemplars: readonly Exemplar[] | undefined,
): (Exemplar | undefined)[] | undefined {
  if (exemplars === undefined) return undefined;
  const found: (Exemplar | undefined)[] = [];
  for (const exemplar of exemplars) {
    const at = bounds.findIndex((bound) => exemplar.value <= bound);
    const place = at === -1 ? bounds.length : at;
    found[place] = newest([exemplar, ...(found[place] ? [found[place]] : [])]);
  }
  return found;
}

function newest(exemplars: readonly Exemplar[] | undefined): Exemplar | undefined {
  return exemplars?.reduce((a, b) => (millis(b) > millis(a) ? b : a));
}

function millis({ timestamp: [seconds, nanos] }: Exemplar): number {
  return seconds * 1000 + nanos / 1e6;
}

/** Characters that the labels of one exemplar may have, by OpenMetrics. */
const longestExemplar = 128;

function exemplarText(exemplar: Exemplar | undefined, format: PageFormat): string {
  if (exemplar === undefined || format !== 'openmetrics') return '';
  const { traceId, spanId, filteredAttributes, value } = exemplar;
  const { correlation_id, ...others } = redactAttributes(filteredAttributes);
  const wanted = Object.entries({ trace_id: traceId, span_id: spanId, correlation_id, ...others });
  const labels: string[] = [];
  const names = new Set<string>();
  let room = longestExemplar;
  for (const [key, given] of wanted) {
    if (given === undefined) continue;
    const [name, text] = [labelName(key), String(given)];
    const length = [...name].length + [...text].length;
    if (length > room || names.has(name)) continue;
    room -= length;
    names.add(name);
    labels.push(`${name}="${escaped(text)}"`);
  }
  return ` # {${labels.join(',')}} ${numberText(value)} ${(millis(exemplar) / 1000).toFixed(3)}`;
}

/** By the `Accept` header: OpenMetrics only for who says that it is liked at least as well. */
export function formatFor(accept: string | undefined): PageFormat {
  let open = 0;
  let text = 0;
  for (const part of (accept ?? '').slice(0, 1_000).split(',')) {
    const [type = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === 'application/openmetrics-text') open = Math.max(open, quality);
    else if (/^(?:text\/plain|text\/\*|\*\/\*)$/.test(type)) text = Math.max(text, quality);
  }
  return open > 0 && open >= text ? 'openmetrics' : 'text';
}

function qualityOf(parameters: readonly string[]): number {
  const given = parameters.find((each) => each.startsWith('q='));
  const quality = given === undefined ? 1 : Number(given.slice(2));
  return quality >= 0 && quality <= 1 ? quality : 0;
}
