/** A record as `key=value` words: the names and order of the JSON line. */
import { redactText } from '../processing/redact.ts';
import { describeError, stackText } from './error-shape.ts';
import { fingerprintOf } from './fingerprint.ts';
import { mergedFields, plainText, visible } from './pretty-format.ts';
import type { LogRecord } from './record.ts';
import { isoTime } from './time.ts';

/** One line of logfmt. A name that would forge a fixed one is written as `attributes.<name>`. */
export function logfmtFormat(): (record: LogRecord) => string {
  return (record) => {
    const fixed = fixedFields(record);
    const words = Object.keys(fixed).map((key) => word(key, fixed[key]));
    const fields = mergedFields(record);
    for (const key of Object.keys(fields)) words.push(word(outKey(key, fixed), fields[key]));
    return words.filter((text) => text !== '').join(' ');
  };
}

function fixedFields(record: LogRecord): Record<string, unknown> {
  const { stamp, error } = record;
  const shape = error === undefined ? undefined : describeError(error);
  return {
    timestamp: isoTime(record.time),
    level: record.level,
    logger: record.logger,
    message: redactText(record.message),
    trace_id: stamp.traceId,
    span_id: stamp.spanId,
    trace_flags: stamp.traceId === undefined ? undefined : `0${stamp.traceFlags & 1}`,
    correlation_id: stamp.correlationId,
    'event.name': record.eventName,
    'error.type': shape?.type,
    'error.message': shape?.message,
    'error.fingerprint': error === undefined ? undefined : fingerprintOf(error),
    'error.seen': record.seen,
    'error.stack': shape === undefined ? undefined : stackText(shape),
  };
}

/** Keys are one word without quotes or equals signs. */
function outKey(key: string, fixed: Readonly<Record<string, unknown>>): string {
  const safe = visible(key).replace(/[\s"=]/g, '_');
  return Object.hasOwn(fixed, safe) || safe.startsWith('error.') ? `attributes.${safe}` : safe;
}

function word(key: string, value: unknown): string {
  const text = value === '' ? '""' : plainText(value);
  if (text === undefined) return '';
  return `${key}=${/[\s=]/.test(text) && !text.startsWith('"') ? JSON.stringify(text) : text}`;
}
