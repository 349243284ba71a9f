/** What an alert says: subject, text, and the same as data. Everything in it has passed redaction. */
import { hostname } from 'node:os';
import { describeError, headOf, stackText } from '../../src/logs/error-shape.ts';
import { mergedFields, plainText, visible } from '../../src/logs/pretty-format.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { isoTime } from '../../src/logs/time.ts';
import { redactText } from '../../src/processing/redact.ts';
import type { Alert, AlertFacts } from './alert.ts';
import type { HeldGroup } from './grouping.ts';
import { requestNames, requestOf } from './request.ts';

/** Who speaks, and how. */
export interface ReportOptions {
  readonly service?: { readonly name: string; readonly version?: string; readonly environment?: string };
  /** In front of every subject: `[shop] `. */
  readonly subjectPrefix: string;
  /** Stands in place of level, address and message. */
  readonly subject?: string;
  readonly isInternal: (ip: string) => boolean;
  /** A URL with `{trace_id}`, `{span_id}`, `{correlation_id}`, `{fingerprint}`, `{service}` in it. */
  readonly link?: string;
  /** The head of the text: what a formatter of a LOGGING dict gives. */
  readonly format?: (record: LogRecord) => string;
  readonly includeHtml: boolean;
}

const longestSubject = 200;
const longestStack = 32_768;
const longestField = 2_000;
const mostFields = 100;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const unfit = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** A line for a header: no control characters, no line breaks of any kind, bounded. */
function subjectLine(text: string): string {
  const line = redactText(text).replace(unfit, ' ').trim();
  return (line.length > longestSubject ? `${line.slice(0, longestSubject - 1)}…` : line).toWellFormed();
}

/** `[shop] ERROR (EXTERNAL IP): payment refused` */
export function subjectOf(record: LogRecord, options: ReportOptions): string {
  if (options.subject !== undefined) return subjectLine(options.subjectPrefix + options.subject);
  const ip = requestOf(record)?.ip;
  const place = ip === undefined ? '' : options.isInternal(ip) ? ' (internal IP)' : ' (EXTERNAL IP)';
  // Longer ones are cut in any case; redaction is to see what lies across the cut.
  const message = record.message.slice(0, 4096);
  return subjectLine(`${options.subjectPrefix}${record.level}${place}: ${message}`);
}

/** What is known of a record. */
export function factsOf(record: LogRecord, fingerprint: string, options: ReportOptions): AlertFacts {
  const { traceId, spanId, correlationId } = record.stamp;
  const { service } = options;
  const shape = record.error === undefined ? undefined : describeError(record.error);
  const ids = { trace_id: traceId, span_id: spanId, correlation_id: correlationId, fingerprint };
  return {
    service: service?.name,
    environment: service?.environment,
    level: record.level,
    logger: redactText(record.logger),
    message: redactText(record.message),
    timestamp: isoTime(record.time),
    ...ids,
    link: linkOf(options.link, { ...ids, service: service?.name }),
    error: shape && {
      type: shape.type,
      message: shape.message,
      stack: stackText(shape)?.slice(0, longestStack),
    },
    request: requestOf(record),
    fields: fieldTexts(record),
    breadcrumbs: record.breadcrumbs?.(),
  };
}

function linkOf(
  template: string | undefined,
  values: Record<string, string | undefined>,
): string | undefined {
  if (template === undefined) return undefined;
  let isWhole = true;
  const link = template.replace(/\{(\w+)\}/g, (hole, name: string) => {
    const value = values[name];
    if (value === undefined) isWhole = false;
    return value === undefined ? hole : encodeURIComponent(value);
  });
  return isWhole ? link : undefined;
}

function fieldTexts(record: LogRecord): Record<string, string> | undefined {
  const fields = mergedFields(record);
  const names = Object.keys(fields).filter((name) => !requestNames.includes(name));
  const texts = names.slice(0, mostFields).flatMap((name) => {
    const text = plainText(fields[name])?.slice(0, longestField);
    return text === undefined ? [] : [[visible(name), text] as const];
  });
  return texts.length === 0 ? undefined : Object.fromEntries(texts);
}

/** The default text, for people. */
export function textOf(facts: AlertFacts, record: LogRecord, options: ReportOptions): string {
  const { request, error, fields, breadcrumbs } = facts;
  const head =
    options.format === undefined
      ? `${facts.level} ${facts.logger}: ${facts.message}`
      : options.format(record);
  const { service } = options;
  const from = [service?.name, service?.version, service?.environment, hostname()]
    .filter(Boolean)
    .join(' · ');
  const asked =
    request && [request.method, request.url, request.ip && `from ${request.ip}`].filter(Boolean).join(' ');
  const parts = [
    lines(head),
    `${from}\n${facts.timestamp}`,
    asked && visible(asked),
    idLines(facts),
    error && options.format === undefined ? lines(error.stack ?? headOf(error)) : undefined,
    fields && table('Fields', fields),
    breadcrumbs && ['Before it in this trace', ...breadcrumbs.map((line) => `  ${line}`)].join('\n'),
    request?.headers && table('Request headers', request.headers),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function idLines({ trace_id, correlation_id, fingerprint, link }: AlertFacts): string {
  const rows = { trace_id, correlation_id, fingerprint, link };
  return Object.entries(rows)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(16)}${visible(value)}`]))
    .join('\n');
}

function table(title: string, rows: Readonly<Record<string, string>>): string {
  const written = Object.entries(rows).map(([name, value]) => `  ${visible(name)}: ${visible(value)}`);
  return [title, ...written].join('\n');
}

/** Several lines stay several; nothing else of data acts upon who reads them. */
function lines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** The text as a page: nothing in it that is not in the text. */
export function htmlOf(subject: string, text: string, link?: string): string {
  const anchor = link === undefined ? '' : `<p><a href="${escaped(link)}">${escaped(link)}</a></p>`;
  const title = escaped(subject);
  return `<!doctype html><html><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>${anchor}<pre>${escaped(text)}</pre></body></html>`;
}

function escaped(text: string): string {
  const names: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (sign) => names[sign]!);
}

/** What was held back, in one message. */
export function summaryOf(held: readonly HeldGroup[], options: ReportOptions): Alert {
  const more = held.reduce((sum, { count }) => sum + count, 0);
  const number = more.toLocaleString('en-US');
  const [first] = held;
  const subject =
    held.length === 1
      ? subjectLine(`${first!.subject.slice(0, longestSubject - 20)} (${number} more)`)
      : subjectLine(`${options.subjectPrefix}${held.length} kinds of alerts, ${number} more`);
  const text = `${held.map(groupText).join('\n\n')}\n`;
  return {
    subject,
    text,
    html: options.includeHtml ? htmlOf(subject, text) : undefined,
    facts: {
      service: options.service?.name,
      environment: options.service?.environment,
      level: 'ERROR',
      logger: 'sonde.alerts',
      message: subject,
      timestamp: isoTime(Math.max(...held.map(({ to }) => to))),
      fingerprint: held.length === 1 ? first!.fingerprint : '',
      trace_id: held.length === 1 ? first!.traceId : undefined,
      correlation_id: held.length === 1 ? first!.correlationId : undefined,
      more,
    },
  };
}

function groupText({ subject, count, from, to, traceId, correlationId, fingerprint }: HeldGroup): string {
  const rows = [
    `${count.toLocaleString('en-US')} more: ${subject}`,
    `between ${isoTime(from)} and ${isoTime(to)}`,
    `fingerprint     ${fingerprint}`,
    traceId && `last trace_id   ${traceId}`,
    correlationId && `last correlation_id ${visible(correlationId)}`,
  ];
  return rows.filter(Boolean).join('\n');
}
