/** Where a secret can be in telemetry, and every form in which telemetry leaves the process. */
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Attributes, SpanStatusCode } from '@opentelemetry/api';
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace';
import { alertDestination } from '../../exporters/alert.ts';
import { fileDestination } from '../../exporters/file.ts';
import { encodeLogs, encodeTraces } from '../../exporters/otlp/encoding.ts';
import { lineFormat } from '../../src/logs/format.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { logfmtFormat } from '../../src/logs/logfmt-format.ts';
import { prettyFormat } from '../../src/logs/pretty-format.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { redactor } from '../../src/traces/redactor.ts';
import { presetNames, recordWith } from '../logs/captured.ts';

type Fields = Record<string, unknown>;

/** Records with a text in each place that holds texts. */
export const textPlaces: Readonly<Record<string, (text: string) => LogRecord>> = {
  message: (text) => recordWith({ message: text }),
  field: (text) => recordWith({ fields: { note: text } }),
  'field deep down': (text) => recordWith({ fields: { a: { b: [{ c: { note: text } }] } } }),
  'list in a field': (text) => recordWith({ fields: { list: ['x', text, 'y'] } }),
  'Map in a field': (text) => recordWith({ fields: { map: new Map([['note', text]]) } }),
  'Set in a field': (text) => recordWith({ fields: { set: new Set([text]) } }),
  toJSON: (text) => recordWith({ fields: { made: { toJSON: () => ({ note: text }) } } }),
  'boxed text': (text) => recordWith({ fields: { boxed: Object(text) as object } }),
  'name of a field': (text) => recordWith({ fields: { [text]: 1 } }),
  'name deep down': (text) => recordWith({ fields: { a: { [text]: 1 } } }),
  'bound field': (text) => recordWith({ bound: { note: text } }),
  'context attribute': (text) => recordWith({ stamp: { ...recordWith().stamp, attributes: { note: text } } }),
  'event name': (text) => recordWith({ eventName: text }),
  'error message': (text) => recordWith({ error: new Error(text) }),
  'cause of an error': (text) => recordWith({ error: new Error('failed', { cause: new Error(text) }) }),
  'one of several errors': (text) => recordWith({ error: new AggregateError([new Error(text)], 'failed') }),
  'thrown text': (text) => recordWith({ error: text }),
  'error in a field': (text) => recordWith({ fields: { failure: new Error(text) } }),
  'header of a request': (text) => recordWith({ fields: { request: { headers: { 'x-note': text } } } }),
  'URL of a request': (text) => recordWith({ fields: { req: { url: `/pay?note=${text}` } } }),
  'cause that is an object': (text) => recordWith({ error: new Error('failed', { cause: { note: text } }) }),
};

/** Records with a value under a name in each place that holds names. */
export const namePlaces: Readonly<Record<string, (fields: Fields) => LogRecord>> = {
  field: (fields) => recordWith({ fields }),
  'deep down': (fields) => recordWith({ fields: { request: { body: [fields] } } }),
  Map: (fields) => recordWith({ fields: { map: new Map(Object.entries(fields)) } }),
  toJSON: (fields) => recordWith({ fields: { made: { toJSON: () => fields } } }),
  'headers of a request': (fields) => recordWith({ fields: { request: { headers: fields } } }),
  bound: (fields) => recordWith({ bound: fields }),
  'context attribute': (fields) =>
    recordWith({ stamp: { ...recordWith().stamp, attributes: fields as Attributes as never } }),
  'cause of an error': (fields) => recordWith({ error: new Error('failed', { cause: fields }) }),
};

const shape = { resource: { attributes: {} } };
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** What was written to a real file for one record. */
function fileOutput(): (record: LogRecord) => string {
  const folder = mkdtempSync(join(tmpdir(), 'leaks-'));
  const path = join(folder, 'app.log');
  const out = fileDestination({ path });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return (record) => {
    out.write(record);
    const written = readFileSync(path, 'utf8');
    truncateSync(path);
    if (!written.endsWith('\n')) throw new Error('No line was written.');
    return written;
  };
}

/** All that an alert's channels are given for one record: subject, text, HTML, data. */
function alertOutput(): (record: LogRecord) => string {
  let sent = '';
  const out = alertDestination({
    transport: (_subject, _body, { subject, text, html, facts }) => {
      sent = [subject, text, html, JSON.stringify(facts), ...leaves(facts)].join('\n');
    },
    ...{ windowMillis: 0, includeHtml: true, inDevelopment: true },
  });
  return (record) => {
    sent = '';
    out.write(record);
    if (sent === '') throw new Error('No alert was sent.');
    return sent;
  };
}

/** Every text in it, without JSON's escapes. */
function leaves(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...leaves(inner)]);
}

/** Every form of a log record. */
export const recordOutputs: Readonly<Record<string, (record: LogRecord) => string>> = {
  'console json': jsonFormat(),
  'console pretty': prettyFormat({ colors: false }),
  'console logfmt': logfmtFormat(),
  ...Object.fromEntries(presetNames.map((name) => [`console ${name}`, lineFormat(name, false)])),
  file: fileOutput(),
  alert: alertOutput(),
  'otlp http/protobuf': (record) => text(encodeLogs('http/protobuf', shape)([record])),
  'otlp http/json': (record) => text(encodeLogs('http/json', shape)([record])),
};

/** Every form of a span. */
export const spanOutputs: Readonly<Record<string, (span: ReadableSpan) => string>> = {
  'otlp http/protobuf': (span) => text(encodeTraces('http/protobuf')([span])),
  'otlp http/json': (span) => text(encodeTraces('http/json')([span])),
};

/** A span that ended in an SDK with the redactor, as an official processor behind it gets it. */
export function endedSpan(name: string, attributes: Attributes, message: string): ReadableSpan {
  const ended: ReadableSpan[] = [];
  const provider = new TracerProvider({
    spanProcessors: [
      redactor as never,
      {
        onStart() {},
        onEnd: (span: ReadableSpan) => void ended.push(span),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  const linked = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  const span = provider
    .getTracer('test')
    .startSpan(name, { attributes, links: [{ context: linked, attributes }] });
  span.addEvent(name, attributes);
  span.recordException(new Error(message));
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
  return ended[0]!;
}
