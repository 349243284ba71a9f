/** A record as an event and back: the one pipeline function behind `logs.processors` (A24). */
import { diagnostics } from '../diagnostics.ts';
import { redactText } from '../processing/redact.ts';
import { describeError } from './error-shape.ts';
import { levelOf, otherWord, parseLevel } from './levels.ts';
import type { EventProcessor, LogEvent } from './processors.ts';
import type { LogRecord } from './record.ts';

/** Names that mean something among an event's; a field that is called so stands aside. */
const reserved: ReadonlySet<string> = new Set([
  ...['event', 'level', 'logger', 'timestamp', 'exc_info', 'exception'],
  ...['correlation_id', 'trace_id', 'span_id'],
]);
const aside = 'attributes.';

/** Makes one function of the list: each sees what the one before has left. */
export function throughEvents(
  chain: readonly EventProcessor[],
): (record: LogRecord) => LogRecord | undefined {
  return (record) => {
    let event = eventOf(record);
    for (const processor of chain) {
      const answer = answerOf(processor, event, record);
      if (answer === false) return undefined;
      if (typeof answer === 'string') return { ...recordOf(event, record), line: redactText(answer) };
      if (isEvent(answer)) event = answer;
    }
    return recordOf(event, record);
  };
}

function answerOf(processor: EventProcessor, event: LogEvent, record: LogRecord): unknown {
  try {
    const answer: unknown = processor(event, record);
    if (!(answer instanceof Promise)) return answer;
    answer.catch(() => undefined);
    failed('it is asynchronous');
  } catch (error) {
    const { type, message } = describeError(error);
    failed(`${type}: ${message}`);
  }
  return undefined;
}

function failed(why: string): void {
  diagnostics.count('logs.processor_errors');
  const told = `A log processor failed (${why}); records go on without it.`;
  diagnostics.warnOnce('logs.processors', 'SONDE_ERR_SINK', told);
}

function isEvent(value: unknown): value is LogEvent {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function eventOf({ message, bound, fields, error }: LogRecord): LogEvent {
  const event: LogEvent = { event: message };
  for (const source of [bound, fields]) addTo(event, source);
  if (error !== undefined) event.exc_info = error;
  return event;
}

function addTo(event: LogEvent, source: LogRecord['fields']): void {
  if (source === undefined) return;
  try {
    for (const name of Object.keys(source))
      event[reserved.has(name) ? `${aside}${name}` : name] = source[name];
  } catch {
    // A getter or a Proxy that throws: what came before it is all that can be told.
  }
}

/** Ids, time and logger stay the record's own: they are added for renderers. */
function recordOf(event: LogEvent, record: LogRecord): LogRecord {
  const fields: Record<string, unknown> = {};
  for (const name of Object.keys(event)) {
    if (reserved.has(name)) continue;
    const plain = name.startsWith(aside) ? name.slice(aside.length) : name;
    fields[reserved.has(plain) ? plain : name] = event[name];
  }
  const message = typeof event.event === 'string' ? event.event : record.message;
  return {
    ...record,
    ...{ message, fields, bound: undefined },
    eventName: record.eventName === record.message ? message : record.eventName,
    error: 'exception' in event ? record.error : event.exc_info,
    ...levelIn(event, record),
  };
}

/** A level that was changed is the record's from here on. */
function levelIn({ level }: LogEvent, { severityNumber }: LogRecord): Partial<LogRecord> {
  const number = parseLevel(level);
  if (number === undefined || levelOf(number) === levelOf(severityNumber)) return {};
  const word = levelOf(number);
  return { level: otherWord(word, number) ?? word, severityNumber: number };
}
