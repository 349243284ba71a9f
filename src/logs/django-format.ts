/** A record as the JSON formatters of Django projects write it: flat, with their names for what a request is. */
import { redactText } from '../processing/redact.ts';
import { describeError, headOf, stackText } from './error-shape.ts';
import {
  dataWriter,
  type Format,
  idsText,
  type JsonFormatOptions,
  membersWriter,
  reserving,
} from './json-format.ts';
import { quote } from './json-value.ts';
import type { LogRecord } from './record.ts';
import { isoTime } from './time.ts';

const ids = ['trace_id', 'span_id', 'trace_flags', 'correlation_id', 'request_id'];
const fixed = ['timestamp', 'level', 'message', ...ids, 'exc_info'];

/** A name of the line, under which names the record may have it, and what becomes of the value. */
interface Renamed {
  readonly name: string;
  readonly from: readonly string[];
  readonly as?: (value: unknown, key: string) => unknown;
}

/** Of a request, in their order at the end of the line (A52). */
const requestNames: readonly Renamed[] = [
  { name: 'method', from: ['method', 'http.request.method'] },
  { name: 'path', from: ['path', 'url.path'] },
  { name: 'status_code', from: ['status_code', 'http.response.status_code'] },
  { name: 'duration_ms', from: ['duration_ms'] },
  { name: 'user_id', from: ['user_id', 'user.id'] },
];

/** Of a statement, as `django.db.backends` names them (A49): Django counts in seconds. */
const statementNames: readonly Renamed[] = [
  { name: 'duration', from: ['duration', 'duration_ms'], as: inSeconds },
  { name: 'sql', from: ['sql', 'db.query.text'] },
  { name: 'params', from: ['params', 'db.params'] },
];

/**
 * `{"timestamp":"2026-01-21T10:30:00.123Z","level":"INFO","message":"HTTP request","method":"GET",...}`: timestamp,
 * level, message, fields, the ids, then method, path, status_code, duration_ms and user_id of a request. No logger's
 * name, as there.
 */
export function djangoFormat(options: JsonFormatOptions = {}): Format {
  const request = partsOf(requestNames);
  const statement = partsOf(statementNames);
  return (record) => {
    const { data, tail } = isStatement(record) ? statement : request;
    const error = record.error === undefined ? '' : `,"exc_info":${quote(excInfo(record.error))}`;
    const lead = `"timestamp":"${isoTime(record.time)}","level":"${record.level}","message":${quote(redactText(record.message))}`;
    return `{${lead}${data(record)}${idsText(record.stamp, options.requestId)}${tail(record)}${error}}`;
  };
}

function isStatement({ logger }: LogRecord): boolean {
  return logger === 'sonde.db' || logger.startsWith('sonde.db.');
}

function inSeconds(value: unknown, key: string): unknown {
  return key === 'duration_ms' && typeof value === 'number' ? value / 1000 : value;
}

type Writer = (record: LogRecord) => string;

/** The fields that keep their place, and those that stand at the end under the names here. */
function partsOf(names: readonly Renamed[]): { data: Writer; tail: Writer } {
  const moved = new Set(names.flatMap(({ from }) => from));
  const reserve = reserving([...fixed, ...names.map(({ name }) => name)]);
  const writers = names.map(tailWriter);
  return {
    data: dataWriter((key) => (moved.has(key) ? undefined : reserve(key)), 'event.name'),
    tail: (record) => writers.map((write) => write(record)).join(''),
  };
}

function tailWriter({ name, from, as = (value) => value }: Renamed): Writer {
  const write = membersWriter(() => name);
  return (record) => {
    for (const key of from) {
      const value = found(record, key);
      if (value !== undefined) return write({ [key]: as(value, key) });
    }
    return '';
  };
}

function found({ fields, bound, stamp }: LogRecord, key: string): unknown {
  for (const source of [fields, bound, stamp.attributes]) {
    try {
      const value = source !== undefined && Object.hasOwn(source, key) ? source[key] : undefined;
      if (value !== undefined) return value;
    } catch {
      return '[unreadable]';
    }
  }
  return undefined;
}

function excInfo(thrown: unknown): string {
  const shape = describeError(thrown);
  return stackText(shape) ?? headOf(shape);
}
