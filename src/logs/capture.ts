/** What was logged while a test's function ran (A66). Parallel tests do not see each other's records. */
import { createContextKey } from '@opentelemetry/api';
import { activeContext, runIn } from '../context/context.ts';
import { jsonFormat } from './json-format.ts';
import { type Level, levelText, parseLevel, severity } from './levels.ts';
import { logfmtFormat } from './logfmt-format.ts';
import { addSink, removeSink } from './pipeline.ts';
import type { LogRecord, Sink } from './record.ts';
import { nodeOf, setLevel } from './tree.ts';

export interface CapturedLogs {
  /** Each record as its JSON line would be, parsed: `level`, `logger`, `message`, ids, fields. */
  readonly records: readonly Readonly<Record<string, unknown>>[];
  /** All records as `key=value` lines: `level=info logger=access msg=... path=/healthz/`. */
  readonly text: string;
}

const captureKey = createContextKey('sonde.capture');
const toJson = jsonFormat();
const toText = logfmtFormat();

async function collect(name: string, level: Level, fn: () => unknown): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const lowest = parseLevel(level) ?? severity.INFO;
  const sink: Sink = (record) => {
    if (record.context.getValue(captureKey) !== records || record.severityNumber < lowest) return;
    if (name === '' || record.logger === name || record.logger.startsWith(`${name}.`)) records.push(record);
  };
  const restoreLevel = openLevel(name, lowest, level);
  addSink(sink);
  try {
    await runIn(activeContext().setValue(captureKey, records), async () => fn());
  } finally {
    removeSink(sink);
    restoreLevel();
  }
  return records;
}

/** A logger that would drop what is to be captured lets it through meanwhile. */
function openLevel(name: string, lowest: number, level: Level): () => void {
  const node = nodeOf(name);
  if (node.threshold <= lowest) return () => {};
  const before = node.level;
  setLevel(name, level);
  return () => {
    setLevel(name, before === undefined ? undefined : levelText(before));
  };
}

function present(records: readonly LogRecord[]): CapturedLogs {
  return {
    records: records.map((record) => JSON.parse(toJson(record))),
    text: records.map(toText).join(''),
  };
}

/**
 * Runs `fn` and gives back what it logged under `name` (and below it) at `level` or above.
 *
 * @throws when nothing was logged, as Python's `assertLogs` does
 * @example const { text } = await captureLogs('access', 'info', () => request('/healthz/'));
 */
export async function captureLogs(name: string, level: Level, fn: () => unknown): Promise<CapturedLogs> {
  const records = await collect(name, level, fn);
  if (records.length > 0) return present(records);
  throw new Error(`No record of logger "${name}" at ${level} or above was logged while the function ran.`);
}

/**
 * Runs `fn` and makes sure that it logged nothing under `name` at `level` or above.
 *
 * @throws when something was logged, with the text of it
 */
export async function captureNoLogs(name: string, level: Level, fn: () => unknown): Promise<void> {
  const records = await collect(name, level, fn);
  if (records.length === 0) return;
  throw new Error(`${records.length} unexpected records of logger "${name}":\n${present(records).text}`);
}
