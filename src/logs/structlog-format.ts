/** A record as structlog's JSONRenderer writes its event dict (A23). */

import { redactText } from '../processing/redact.ts';
import { describeError, headOf, stackText } from './error-shape.ts';
import { dataWriter, type Format, idsText, type JsonFormatOptions, reserving } from './json-format.ts';
import { quote } from './json-value.ts';
import { structlogWord } from './levels.ts';

const fixed = [
  'event',
  'level',
  'timestamp',
  'exception',
  'trace_id',
  'span_id',
  'trace_flags',
  'correlation_id',
];

/**
 * `{"event":"order_created","order_id":1042,"level":"info","timestamp":"2026-05-07T14:32:01Z"}`: the event's name (or
 * the message), the fields, the ids where there are some, what was thrown as `exception`. No logger's name, as there.
 */
export function structlogFormat(options: JsonFormatOptions = {}): Format {
  const dataPart = dataWriter(reserving(options.requestId ? [...fixed, 'request_id'] : fixed), undefined);
  return (record) => {
    const event = quote(redactText(record.eventName ?? record.message));
    const exception = record.error === undefined ? '' : `,"exception":${quote(exceptionText(record.error))}`;
    const ids = idsText(record.stamp, options.requestId);
    return `{"event":${event}${dataPart(record)}${ids}${exception},"level":"${structlogWord(record.severityNumber)}","timestamp":"${pythonTime(record.time)}"}`;
  };
}

function exceptionText(thrown: unknown): string {
  const shape = describeError(thrown);
  return stackText(shape) ?? headOf(shape);
}

/** Python's `isoformat`: microseconds, or none at all when they are zero. */
function pythonTime(time: number): string {
  const micros = Math.floor(time * 1000);
  const valid = Math.abs(micros) <= 8.64e18 ? micros : 0;
  const rest = ((valid % 1e6) + 1e6) % 1e6;
  const seconds = new Date((valid - rest) / 1000).toISOString().slice(0, 19);
  return rest === 0 ? `${seconds}Z` : `${seconds}.${String(rest).padStart(6, '0')}Z`;
}
