/** Records that Sonde itself makes of what it sees. */
import { stampOf } from '../context/correlation.ts';
import { type LevelName, severity } from './levels.ts';
import { emit } from './pipeline.ts';
import type { LogRecord } from './record.ts';
import { now } from './time.ts';

type Words = Pick<LogRecord, 'logger' | 'message' | 'eventName' | 'fields' | 'error' | 'context'> & {
  readonly level: LevelName;
};

/** Sends a record that is born now, stamped from `context`; the caller has asked whether its logger listens. */
export function emitOwn(words: Words): void {
  const { level, context } = words;
  emit({ ...words, time: now(), severityNumber: severity[level], stamp: stampOf(context) });
}
