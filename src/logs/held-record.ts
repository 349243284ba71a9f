/** Records that wait before they are written. */
import type { LogRecord } from './record.ts';

/** With fields of its own: the caller may change its object before the record is written. */
export function heldRecord(record: LogRecord): LogRecord {
  if (record.fields === undefined) return record;
  try {
    return { ...record, fields: { ...record.fields } };
  } catch {
    return record;
  }
}
