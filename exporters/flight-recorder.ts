/**
 * The details of a request that failed, and only of that one (A39): what its level would drop is held per trace, and
 * let out in order when an error is logged there.
 */

import { diagnostics } from '../src/diagnostics.ts';
import { SondeError } from '../src/errors.ts';
import type { Destination } from '../src/logs/handler.ts';
import { type Level, OFF, parseLevel, severity } from '../src/logs/levels.ts';
import { lastResort } from '../src/logs/pipeline.ts';
import type { LogRecord } from '../src/logs/record.ts';
import { weightOf } from '../src/logs/record-weight.ts';
import { nodeOf, passes } from '../src/logs/tree.ts';

export interface FlightRecorderOptions {
  /** The lowest level that is held; `debug` by default. */
  readonly level?: Level | Uppercase<Level>;
  /** Where records go: at once what its logger's level lets pass, the rest only when its trace errs. */
  readonly target: Destination;
  /** Traces that are remembered at once; 1,000 by default. One more forgets the one that was silent longest. */
  readonly maxTraces?: number;
  /** Records held of one trace; 200 by default. One more forgets the oldest. */
  readonly maxRecordsPerTrace?: number;
  /** Estimated bytes of everything held; 4 MB by default. */
  readonly maxBytes?: number;
  /** Milliseconds for which a silent trace is remembered; 60,000 by default. */
  readonly maxAgeMillis?: number;
}

/** A destination that asks for more than its loggers' levels let pass. */
export interface FlightRecorder extends Destination {
  /**
   * SeverityNumber from which records must be made and handed to `write`, even below their logger's level. Whoever
   * hands them over needs not mark them: the recorder looks the level up itself. A logger that is off stays off.
   */
  readonly wantsBelow: number;
}

interface Trace {
  readonly records: LogRecord[];
  readonly weights: number[];
  lastHeard: number;
  erred: boolean;
}

/**
 * A trace errs with a record of ERROR or above that its logger's level lets pass; after that its details are
 * written as they come. Outside a trace the correlation id stands for it; what belongs to no unit of work is never
 * held. What is forgotten is counted as `logs.recorder.forgotten`: nobody was meant to miss it.
 *
 * @throws SondeError for a level that does not exist
 * @example flightRecorder({ target: fileDestination({ path: 'logs/app.log' }) })
 */
export function flightRecorder(options: FlightRecorderOptions): FlightRecorder {
  const { level = 'debug', target, maxTraces = 1000, maxRecordsPerTrace = 200 } = options;
  const { maxBytes = 4_194_304, maxAgeMillis = 60_000 } = options;
  const wantsBelow = parseLevel(level);
  if (wantsBelow === undefined)
    throw new SondeError('SONDE_ERR_OPTION', `"${level}" is no level to record from.`);
  /** In the order in which they were last heard. */
  const traces = new Map<string, Trace>();
  let bytes = 0;

  function traceOf(id: string, now: number): Trace {
    const trace = traces.get(id) ?? { records: [], weights: [], lastHeard: now, erred: false };
    traces.delete(id);
    traces.set(id, trace);
    trace.lastHeard = now;
    return trace;
  }

  function isDueToGo({ lastHeard }: Trace, now: number): boolean {
    return now - lastHeard > maxAgeMillis || traces.size > maxTraces || bytes > maxBytes;
  }

  function forgetOld(now: number, current?: Trace): void {
    for (const [id, trace] of traces) {
      if (trace === current || !isDueToGo(trace, now)) break;
      traces.delete(id);
      forgetFirst(trace, trace.records.length);
    }
    while (current !== undefined && bytes > maxBytes && current.records.length > 0) forgetFirst(current, 1);
  }

  function forgetFirst(trace: Trace, count: number): void {
    if (count === 0) return;
    trace.records.splice(0, count);
    for (const weight of trace.weights.splice(0, count)) bytes -= weight;
    diagnostics.count('logs.recorder.forgotten', count);
  }

  function hold(trace: Trace, record: LogRecord): void {
    const weight = weightOf(record);
    trace.records.push(record);
    trace.weights.push(weight);
    bytes += weight;
    forgetFirst(trace, Math.max(0, trace.records.length - maxRecordsPerTrace));
  }

  function release(trace: Trace): void {
    trace.erred = true;
    for (const weight of trace.weights.splice(0)) bytes -= weight;
    const records = trace.records.splice(0);
    diagnostics.count('logs.recorder.released', records.length);
    for (const record of records) {
      try {
        target.write(record);
      } catch {
        lastResort(record);
      }
    }
  }

  return {
    wantsBelow,
    write(record) {
      const goesOut = passes(record.logger, record.severityNumber);
      if (!goesOut && (record.severityNumber < wantsBelow || nodeOf(record.logger).inForce >= OFF)) return;
      const id = record.stamp.traceId ?? record.stamp.correlationId;
      const errs = goesOut && record.severityNumber >= severity.ERROR;
      if (id === undefined || (goesOut && !errs)) {
        if (goesOut) target.write(record);
        return;
      }
      const now = performance.now();
      forgetOld(now);
      const trace = traceOf(id, now);
      if (errs && !trace.erred) release(trace);
      if (trace.erred) target.write(record);
      else hold(trace, record);
      forgetOld(now, trace);
    },
    flush: () => target.flush?.() ?? Promise.resolve(),
    flushSync: () => target.flushSync?.(),
    close() {
      traces.clear();
      bytes = 0;
      target.close?.();
    },
  };
}
