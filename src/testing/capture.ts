/** What was logged while a test's function ran (A66). */
import { jsonFormat } from '../logs/json-format.ts';
import { type Level, parseLevel, severity } from '../logs/levels.ts';
import { logfmtFormat } from '../logs/logfmt-format.ts';
import { addWatcher } from '../logs/pipeline.ts';
import type { LogRecord, Sink } from '../logs/record.ts';
import { openLevel } from './opened-level.ts';
import { belongs, newScope, withScope } from './scope.ts';

export interface CapturedLogs {
  /** Each record as its JSON line would be, parsed: `level`, `logger`, `message`, ids, fields. Without secrets. */
  readonly records: readonly Readonly<Record<string, any>>[];
  /** All records as `key=value` lines: `level=INFO logger=access message=... path=/healthz/`. */
  readonly text: string;
}

/** A level in either case. */
type AnyLevel = Level | Uppercase<Level>;

const toJson = jsonFormat();
const toText = logfmtFormat();

async function captured(name: string, level: AnyLevel, fn: () => unknown): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const lowest = parseLevel(level) ?? severity.INFO;
  const scope = newScope();
  const sink: Sink = (record) => {
    if (record.severityNumber < lowest || !isBelow(record.logger, name)) return;
    if (belongs(scope, record.context, record.stamp.traceId)) records.push(record);
  };
  const closeLevel = openLevel(name, lowest);
  const unwatch = addWatcher(sink);
  try {
    await withScope(scope, fn);
  } finally {
    unwatch();
    closeLevel();
  }
  return records;
}

function isBelow(logger: string, name: string): boolean {
  return name === '' || logger === name || logger.startsWith(`${name}.`);
}

/** Records as a test reads them. */
export function presented(records: readonly LogRecord[]): CapturedLogs {
  return {
    records: records.map((record) => JSON.parse(toJson(record))),
    text: records.map(toText).join('\n'),
  };
}

/**
 * Runs `fn` and gives back what it logged under `name` (and below it; `''` is every logger) at `level` or above. A
 * logger that is set to less speaks up meanwhile. Only what `fn` itself starts is seen, also in requests that it makes
 * to a server of this process; parallel tests do not see each other's records.
 *
 * @throws Error when nothing was logged, as Python's `assertLogs` does, and what `fn` throws
 * @example
 * const { text } = await captureLogs('access', 'INFO', () => request(app, '/healthz/'));
 * assert.match(text, /path=\/healthz\//);
 */
export async function captureLogs(name: string, level: AnyLevel, fn: () => unknown): Promise<CapturedLogs> {
  const records = await captured(name, level, fn);
  if (records.length > 0) return presented(records);
  throw new Error(`No record of logger "${name}" at ${level} or above was logged while the function ran.`);
}

/**
 * Runs `fn` and makes sure that it logged nothing under `name` at `level` or above.
 *
 * @throws Error when something was logged, with the text of it, and what `fn` throws
 * @example await captureNoLogs('shop', 'WARNING', () => request(app, '/orders/7'));
 */
export async function captureNoLogs(name: string, level: AnyLevel, fn: () => unknown): Promise<void> {
  const records = await captured(name, level, fn);
  if (records.length === 0) return;
  const count = records.length === 1 ? '1 unexpected record' : `${records.length} unexpected records`;
  throw new Error(`${count} of logger "${name}":\n${presented(records).text}`);
}
