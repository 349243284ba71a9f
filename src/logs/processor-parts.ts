/** What structlog's nine processors do (A24). Each is pure: it gives back an event of its own. */
import { callStack, formatted } from './call.ts';
import { describeError, stackText } from './error-shape.ts';
import { jsonText } from './json-value.ts';
import { structlogWord } from './levels.ts';
import type { EventProcessor, LogEvent, Processors } from './processors.ts';
import type { LogRecord } from './record.ts';
import { passes } from './tree.ts';

export { throughEvents } from './events.ts';

/** What the context holds, by the names that lines have for it. */
function contextOf({ stamp }: LogRecord): LogEvent {
  const { attributes, correlationId, traceId, spanId } = stamp;
  return { ...attributes, correlation_id: correlationId, trace_id: traceId, span_id: spanId };
}

/** As structlog: what is there already stays, where it stands. */
function mergeContextvars(event: LogEvent, record: LogRecord): LogEvent {
  const merged = { ...event };
  for (const [name, value] of Object.entries(contextOf(record))) {
    if (value !== undefined && !Object.hasOwn(event, name)) merged[name] = value;
  }
  return merged;
}

function formatArguments(event: LogEvent): LogEvent {
  const { positional_args: values, ...rest } = event;
  if (!Array.isArray(values)) return event;
  return { ...rest, event: formatted(String(event.event), values) };
}

function renderStack(event: LogEvent): LogEvent {
  const { stack_info: wanted, ...rest } = event;
  if (wanted === undefined) return event;
  return wanted === true ? { ...rest, stack: callStack() } : rest;
}

function renderError(event: LogEvent): LogEvent {
  const { exc_info: error, ...rest } = event;
  if (error === undefined || error === null || typeof error === 'boolean') return rest;
  const shape = describeError(error);
  return { ...rest, exception: stackText(shape) ?? `${shape.type}: ${shape.message}` };
}

function renderJson(event: LogEvent): string {
  return jsonText({ ...event }) ?? '{}';
}

function stamped(fmt: 'iso' | 'unix', key: string): EventProcessor {
  return (event, { time }) => ({
    ...event,
    [key]: fmt === 'unix' ? time / 1000 : new Date(time).toISOString(),
  });
}

/** The nine. */
export const builtIn: Processors = {
  mergeContextvars: () => mergeContextvars,
  filterByLevel: () => (event, record) => passes(record.logger, record.severityNumber) && event,
  addLoggerName: () => (event, record) => ({ ...event, logger: record.logger }),
  addLogLevel: () => (event, record) => ({ ...event, level: structlogWord(record.severityNumber) }),
  positionalArgumentsFormatter: () => formatArguments,
  timeStamper: ({ fmt = 'iso', key = 'timestamp' } = {}) => stamped(fmt, key),
  stackInfoRenderer: () => renderStack,
  formatExcInfo: () => renderError,
  jsonRenderer: () => renderJson,
};
