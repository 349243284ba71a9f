/** What the demo shows a person: log lines, one trace as a waterfall, durations, and what was received. */
import { styleText } from 'node:util';
import type { Histogram, LogRecord, Received, Span } from './receiver.ts';
import type { Line } from './service.ts';

type Style = Parameters<typeof styleText>[0];

const width = Math.min(Math.max(process.stdout.columns ?? 110, 80), 130);
const labelWidth = Math.round(width * 0.55);
const barWidth = width - 10 - labelWidth - 12;
const requestColors: Style[] = ['cyan', 'magenta', 'green', 'yellow', 'blue', 'red'];
const levelColors: Record<string, Style> = { WARN: 'yellow', ERROR: 'red', FATAL: 'red' };

const paint = (style: Style, text: string): string => styleText(style, text);
const dim = (text: string): string => paint('dim', text);
const level = (name: string): string => paint(levelColors[name] ?? 'blue', name.padEnd(5));

/** A heading and one sentence on what to look at. */
export function heading(title: string, hint: string): string {
  return `\n${paint('bold', title)}  ${dim(hint)}\n`;
}

/** The services' own log lines, shortened; all lines of one request wear one color. */
export function logLines(lines: readonly Line[]): string {
  const requests = [...new Set(lines.map((line) => line.correlation_id))];
  const shown = lines.map((line) => {
    const color = requestColors[requests.indexOf(line.correlation_id) % requestColors.length]!;
    const time = dim(line.timestamp.slice(11, 23));
    const text = `${line.message}${dim(fields(line))}`;
    const ids = `${paint(color, trim(line.correlation_id, 12))} ${dim(line.trace_id.slice(0, 8))}`;
    return `${time} ${level(line.level)} ${ids} ${line.logger.padEnd(13)} ${text}`;
  });
  const head = `${'time'.padEnd(12)} level correlation  trace    logger        message`;
  return [dim(head), ...shown].join('\n');
}

const ownKeys =
  /^(timestamp|level|logger|message|trace_id|span_id|trace_flags|correlation_id|error\.(type|stack))$/;

function fields(line: Line): string {
  const others = Object.entries(line).filter(([key]) => !ownKeys.test(key));
  return others.map(([key, value]) => ` ${field(key, value)}`).join('');
}

function field(key: string, value: any): string {
  if (key === 'error.message') return `“${value}”`;
  if (key === 'error.cause') return `cause “${value.message}”`;
  return `${key}=${value}`;
}

/** One trace: every span and log record under its parent, at its moment. */
export function waterfall(traceId: string, { spans, logs }: Received): string {
  const trace = spans.filter((span) => span.traceId === traceId);
  const root = trace.find((span) => !trace.some((other) => other.spanId === span.parentSpanId))!;
  // The spans say already what the access log would.
  const records = logs.filter(({ traceId: id, logger }) => id === traceId && logger.startsWith('shop.'));
  return rowsBelow(root, 0, { root, trace, records }).join('\n');
}

interface Trace {
  root: Span;
  trace: Span[];
  records: LogRecord[];
}

function rowsBelow(span: Span, depth: number, all: Trace): string[] {
  const children = all.trace.filter((other) => other.parentSpanId === span.spanId);
  const records = all.records.filter((record) => record.spanId === span.spanId);
  const below = [
    ...children.map((child) => ({ at: child.start, rows: () => rowsBelow(child, depth + 1, all) })),
    ...records.map((record) => ({ at: record.time, rows: () => [recordRow(record, depth + 1, all.root)] })),
  ];
  return [spanRow(span, depth, all.root), ...below.sort((a, b) => a.at - b.at).flatMap(({ rows }) => rows())];
}

function spanRow(span: Span, depth: number, root: Span): string {
  const status = span.attributes['http.response.status_code'];
  const color: Style = span.failed ? 'red' : span.attributes['db.system.name'] ? 'yellow' : 'cyan';
  const from = column(span.start, root);
  const to = Math.max(column(span.end, root), from + 1);
  const bar = ' '.repeat(from) + paint(color, '━'.repeat(to - from)) + ' '.repeat(barWidth - to);
  const took = `${(span.end - span.start).toFixed(1)} ms`.padStart(9);
  return row(span.service, depth, title(span), (text) => paint(color, text), `${bar}${took} ${status ?? ''}`);
}

function recordRow(record: LogRecord, depth: number, root: Span): string {
  const color = levelColors[record.level] ?? 'blue';
  const error = record.attributes['exception.message'];
  const text = `◆ ${record.message}${error ? ` “${error}”` : ''}`;
  const moment = ' '.repeat(Math.min(column(record.time, root), barWidth - 1)) + paint(color, '◆');
  return row(record.service, depth, text, (shown) => paint(color, shown), moment);
}

function row(
  service: string,
  depth: number,
  label: string,
  style: (text: string) => string,
  rest: string,
): string {
  return `${dim(service.padEnd(9))} ${'  '.repeat(depth)}${style(trim(label, labelWidth - 2 * depth))} ${rest}`.trimEnd();
}

function title(span: Span): string {
  const { attributes } = span;
  const target = attributes['db.query.text'] ?? attributes['url.full'] ?? attributes['url.path'];
  if (attributes['db.query.text']) return target;
  return target ? `${span.kind === 3 ? '→ ' : ''}${attributes['http.request.method']} ${target}` : span.name;
}

function column(time: number, root: Span): number {
  const part = (time - root.start) / (root.end - root.start);
  return Math.min(Math.max(Math.floor(part * barWidth), 0), barWidth - 1);
}

const trim = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text.padEnd(length);

/** Request durations from the metric, one line a series, its buckets as a small chart. */
export function durations(histograms: readonly Histogram[]): string {
  const series = histograms.filter(({ name }) => name === 'http.server.request.duration');
  const rows = series.map(({ service, attributes, count, sum, max, buckets }) => {
    const status = attributes['http.response.status_code'];
    const what = `${attributes['http.request.method']} ${status}`;
    const shown = paint(status >= 500 ? 'red' : 'cyan', chart(buckets));
    const figures = [String(count).padStart(8), seconds(sum / count), seconds(max)].join(' ');
    return `${dim(service.padEnd(9))} ${what.padEnd(9)} ${figures}   ${shown}`;
  });
  const head = `${'service'.padEnd(9)} request   requests      mean       max   ${bounds(series[0]?.bounds)}`;
  return [dim(head), ...rows.sort()].join('\n');
}

const seconds = (value: number): string => `${(value * 1000).toFixed(1)} ms`.padStart(9);

/** Each bucket is one bar of two characters. */
function chart(buckets: readonly number[]): string {
  const most = Math.max(...buckets);
  return buckets
    .map((count) => (count === 0 ? '··' : '▂▃▄▅▆▇█'[Math.ceil((count / most) * 6)]!.repeat(2)))
    .join('');
}

/** The ends of the scale, as wide as the chart below. */
function bounds(list: readonly number[] = []): string {
  const last = `> ${list.at(-1)} s`;
  return list.length > 0 ? `${`${list[0]! * 1000} ms`.padEnd(2 * list.length + 2 - last.length)}${last}` : '';
}

/** What arrived, per signal. */
/** From the chart to the request: the slowest value that kept its trace, and what was logged in it. */
export function exemplar({ histograms, spans, logs }: Received): string {
  const [slowest] = histograms
    .filter(({ name }) => name === 'http.server.request.duration')
    .flatMap(({ exemplars }) => exemplars)
    .sort((a, b) => b.value - a.value);
  if (slowest === undefined) return 'no value kept its trace';
  const { traceId, value } = slowest;
  const inTrace = spans.filter((span) => span.traceId === traceId);
  const lines = logs.filter((record) => record.traceId === traceId && record.logger.startsWith('shop.'));
  const first = `${(value * 1000).toFixed(1)} ms was trace ${traceId}: ${inTrace.length} spans, ${lines.length} log lines`;
  return [first, ...lines.map(({ logger, message }) => `  ◆ ${logger} ${message}`)].join('\n');
}

export function totals({ spans, logs, metrics }: Received): string {
  const traces = new Set(spans.map((span) => span.traceId)).size;
  const inTrace = logs.filter((record) => record.traceId !== '').length;
  return [
    `traces   ${spans.length} spans in ${traces} traces`,
    `logs     ${logs.length} records, ${inTrace} of them inside a trace`,
    `metrics  ${metrics.size} metrics from 2 services`,
  ].join('\n');
}
