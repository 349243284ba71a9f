/** What a format may name: Python's attributes of a log record, Sonde's ids, and every field (A9). */
import path from 'node:path';
import { threads } from '../threads.ts';
import { type CallSite, callSite } from './call-site.ts';
import { describeError, stackText } from './error-shape.ts';
import { mergedFields } from './pretty-format.ts';
import type { LogRecord } from './record.ts';
import { asctime } from './strftime.ts';

/** The value of one token of one record. */
export type Token = (record: LogRecord) => unknown;

/** What stands for an id or a field that the record does not have. */
const missing = '-';

/** Python's numbers: DEBUG 10 to CRITICAL 50. */
function levelNumber({ severityNumber }: LogRecord): number {
  return severityNumber < 5 ? 5 : Math.floor((severityNumber - 1) / 4) * 10;
}

let lastRecord: WeakRef<LogRecord> | undefined;
let lastSite: CallSite | undefined;

/** Several tokens of one line ask for one call site. */
function siteOf(record: LogRecord): CallSite {
  if (lastSite === undefined || lastRecord?.deref() !== record) {
    lastRecord = new WeakRef(record);
    lastSite = callSite();
  }
  return lastSite;
}

/** The file without its ending; where the call cannot be seen (a bridged library), the end of the logger's name. */
function moduleOf(record: LogRecord): string {
  const { pathname } = siteOf(record);
  return pathname === ''
    ? record.logger.slice(record.logger.lastIndexOf('.') + 1)
    : path.parse(pathname).name;
}

/** The stack of what was thrown with its causes, or `undefined`. */
export function errorStack({ error }: LogRecord): string | undefined {
  if (error === undefined) return undefined;
  const shape = describeError(error);
  return stackText(shape) ?? `${shape.type}: ${shape.message}`;
}

const tokens: Readonly<Record<string, Token>> = {
  created: ({ time }) => time / 1000,
  correlation_id: ({ stamp }) => stamp.correlationId ?? missing,
  exc_info: errorStack,
  exc_text: errorStack,
  filename: (record) => path.basename(siteOf(record).pathname),
  funcName: (record) => siteOf(record).functionName || '<module>',
  levelname: ({ level }) => level,
  levelno: levelNumber,
  lineno: (record) => siteOf(record).line,
  message: ({ message }) => message,
  module: moduleOf,
  msecs: ({ time }) => Math.floor(time) % 1000,
  name: ({ logger }) => logger || 'root',
  pathname: (record) => siteOf(record).pathname,
  process: () => process.pid,
  processName: () => 'MainProcess',
  relativeCreated: ({ time }) => time - performance.timeOrigin,
  request_id: ({ stamp }) => stamp.requestId ?? missing,
  span_id: ({ stamp }) => stamp.spanId ?? missing,
  taskName: () => undefined,
  thread: () => threadId(),
  threadName: () => (threadId() === 0 ? 'MainThread' : `worker-${threadId()}`),
  trace_flags: ({ stamp }) => `0${stamp.traceFlags & 1}`,
  trace_id: ({ stamp }) => stamp.traceId ?? missing,
};

/**
 * What gives the value of a name: an attribute, else a field of the record, else `defaults`, else `-`. A field of the
 * app's wins over an id: a filter that sets `request_id` means it.
 */
export function tokenOf(
  name: string,
  datefmt?: string,
  defaults: Readonly<Record<string, unknown>> = {},
): Token {
  if (name === 'asctime' || name === 'server_time') return ({ time }) => asctime(time, datefmt);
  const token = Object.hasOwn(tokens, name) ? tokens[name] : undefined;
  const fallback = Object.hasOwn(defaults, name) ? defaults[name] : missing;
  if (token !== undefined && !name.endsWith('_id')) return token;
  return (record) => {
    const value = fieldOf(record, name) ?? token?.(record);
    return value === undefined || value === missing ? fallback : value;
  };
}

function fieldOf(record: LogRecord, name: string): unknown {
  const { fields, bound, stamp } = record;
  if (fields === undefined && bound === undefined && stamp.attributes === undefined) return undefined;
  return mergedFields(record)[name];
}

function threadId(): number {
  return threads()?.threadId ?? 0;
}
