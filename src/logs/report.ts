/** For what meets the app's errors on their way out: frameworks, job runners, the process itself. */
import type { Context } from '@opentelemetry/api';
import { activeContext } from '../context/context.ts';
import { stampOf } from '../context/correlation.ts';
import { type LevelName, severity } from './levels.ts';
import { emit } from './pipeline.ts';
import type { LogRecord } from './record.ts';
import { isTold, noteTold } from './sightings.ts';
import { now } from './time.ts';
import { passes } from './tree.ts';

/** An error that nobody caught before, and where it arrived. */
export interface ErrorReport {
  /** Logger name: `sonde.request`. */
  readonly logger: string;
  /** What the arrival means: `Internal Server Error: /orders`. */
  readonly message: string;
  /** What was thrown, as it is. */
  readonly error: unknown;
  readonly fields?: LogRecord['fields'];
  /** ERROR by default. */
  readonly level?: LevelName;
  /** The context in which it was thrown; the active one by default. */
  readonly context?: Context;
}

/**
 * Makes the ERROR record of an error, unless it, or one of its causes, has one: then the same record at DEBUG with
 * `error.seen`. Gives back whether the error was told only now. Never throws.
 *
 * @example reportError({ logger: 'sonde.request', message: `Internal Server Error: ${path}`, error })
 */
export function reportError(report: ErrorReport): boolean {
  const { logger, message, error, fields, context = activeContext() } = report;
  const stamp = stampOf(context);
  const time = now();
  const seen = isTold(error, stamp.traceId, time);
  // A wrapper of an error that was told is told with it.
  if (seen) noteTold(error, stamp.traceId, time);
  const level = seen ? 'DEBUG' : (report.level ?? 'ERROR');
  const severityNumber = severity[level];
  if (passes(logger, severityNumber)) {
    const told = seen ? { seen } : undefined;
    emit({ time, level, severityNumber, logger, message, fields, error, stamp, context, ...told });
  }
  return !seen;
}
