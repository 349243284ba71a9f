/** The one way of every log record: a list of plain functions, then the sinks. Nothing here throws. */
import { diagnostics } from '../diagnostics.ts';
import { shared } from '../slot.ts';
import { jsonFormat } from './json-format.ts';
import { lineStream } from './line-stream.ts';
import type { LogRecord, Sink } from './record.ts';

/** Looks at a record and gives it back, changed in a copy, or `undefined` to drop it. */
export type Processor = (record: LogRecord) => LogRecord | undefined;

interface Pipeline {
  processors: readonly Processor[];
  sinks: readonly Sink[];
  depth: number;
}

/** A value that logs while it is being logged must come to an end. */
const deepest = 8;
const pipeline = shared<Pipeline>('logs.pipeline', () => ({ processors: [], sinks: [], depth: 0 }));

/** Sends one record on its way. */
export function emit(record: LogRecord): void {
  deliver(record, pipeline.sinks);
}

/** As `emit`, to these sinks only. A record that no sink of the list would take is printed on stderr (A17). */
export function deliver(record: LogRecord, sinks: readonly Sink[]): void {
  if (pipeline.depth >= deepest) {
    diagnostics.count('logs.dropped.recursion');
    return;
  }
  pipeline.depth++;
  try {
    const processed = pipeline.processors.length === 0 ? record : processedOf(record);
    if (processed !== undefined) hand(processed, sinks);
  } finally {
    pipeline.depth--;
  }
}

/** Whether a record is on its way in this very call: what a sink or a field says meanwhile must not become one. */
export function isDelivering(): boolean {
  return pipeline.depth > 0;
}

/** Replaces the list of functions; they run in this order. */
export function setProcessors(processors: readonly Processor[]): void {
  pipeline.processors = [...processors];
}

/** Replaces every sink; an empty list is silence. Gives back the list before. */
export function setSinks(sinks: readonly Sink[]): readonly Sink[] {
  const before = pipeline.sinks;
  pipeline.sinks = [...sinks];
  return before;
}

/** Adds a sink behind the others, unless it is there already. */
export function addSink(sink: Sink): void {
  if (!pipeline.sinks.includes(sink)) pipeline.sinks = [...pipeline.sinks, sink];
}

export function removeSink(sink: Sink): void {
  pipeline.sinks = pipeline.sinks.filter((other) => other !== sink);
}

function processedOf(record: LogRecord): LogRecord | undefined {
  let current: LogRecord | undefined = record;
  for (const processor of pipeline.processors) {
    try {
      current = processor(current);
    } catch (error) {
      diagnostics.count('logs.processor_errors');
      diagnostics.warnOnce('logs.processor', 'SONDE_ERR_SINK', `A log processor threw: ${textOf(error)}.`);
    }
    if (current === undefined) return undefined;
  }
  return current;
}

function hand(record: LogRecord, sinks: readonly Sink[]): void {
  let taken = sinks.length === 0;
  for (let i = 0; i < sinks.length; i++) {
    try {
      const answer: unknown = sinks[i]!(record);
      if (answer instanceof Promise) answer.catch(sinkFailed);
      taken = true;
    } catch (error) {
      sinkFailed(error);
    }
  }
  if (!taken && !record.printed) lastResort(record);
}

function sinkFailed(error: unknown): void {
  diagnostics.count('logs.sink_errors');
  diagnostics.warnOnce('logs.sink', 'SONDE_ERR_SINK', `A log sink failed: ${textOf(error)}.`);
}

const lastFormat = jsonFormat();

/** Prints on stderr what a destination has accepted and could not give to anybody (A17), counted. Never throws. */
export function lastResort(record: LogRecord): void {
  diagnostics.count('logs.last_resort');
  try {
    lineStream('stderr').write(lastFormat(record));
  } catch {
    diagnostics.count('logs.dropped.last_resort');
  }
}

function textOf(error: unknown): string {
  try {
    return String((error as Error | undefined)?.message ?? error);
  } catch {
    return 'a value without text';
  }
}
