/** Where a secret can be in telemetry, and every form in which telemetry leaves the process. */
import { type Attributes, SpanStatusCode } from '@opentelemetry/api';
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace';
import { encodeLogs, encodeTraces } from '../../exporters/otlp/encoding.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { logfmtFormat } from '../../src/logs/logfmt-format.ts';
import { prettyFormat } from '../../src/logs/pretty-format.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { redactor } from '../../src/traces/redactor.ts';
import { recordWith } from '../logs/captured.ts';

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
  'cause that is an object': (text) => recordWith({ error: new Error('failed', { cause: { note: text } }) }),
};

/** Records with a value under a name in each place that holds names. */
export const namePlaces: Readonly<Record<string, (fields: Fields) => LogRecord>> = {
  field: (fields) => recordWith({ fields }),
  'deep down': (fields) => recordWith({ fields: { request: { body: [fields] } } }),
  Map: (fields) => recordWith({ fields: { map: new Map(Object.entries(fields)) } }),
  toJSON: (fields) => recordWith({ fields: { made: { toJSON: () => fields } } }),
  bound: (fields) => recordWith({ bound: fields }),
  'context attribute': (fields) =>
    recordWith({ stamp: { ...recordWith().stamp, attributes: fields as Attributes as never } }),
  'cause of an error': (fields) => recordWith({ error: new Error('failed', { cause: fields }) }),
};

const shape = { resource: { attributes: {} } };
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Every form of a log record. */
export const recordOutputs: Readonly<Record<string, (record: LogRecord) => string>> = {
  'console json': jsonFormat(),
  'console pretty': prettyFormat({ colors: false }),
  'console logfmt': logfmtFormat(),
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
