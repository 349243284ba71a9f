/** Records made through `@opentelemetry/api`'s logs API, on the same way as Sonde's own. */
import type { Context } from '@opentelemetry/api';
import { activeContext } from '../context/context.ts';
import { stampOf } from '../context/correlation.ts';
import { diagnostics } from '../diagnostics.ts';
import { nameText } from '../processing/name-text.ts';
import { jsonText } from './json-value.ts';
import { levelOf, parseLevel, severity } from './levels.ts';
import { emit } from './pipeline.ts';
import type { LogRecord } from './record.ts';
import { now } from './time.ts';
import { isWanted } from './tree.ts';

/** What the API hands over; structural, so that every 1.x of it fits. Times are the API's `TimeInput`. */
export interface ApiLogRecord {
  readonly eventName?: string;
  readonly timestamp?: number | Date | readonly [seconds: number, nanoseconds: number];
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: unknown;
  readonly attributes?: object;
  readonly exception?: unknown;
  readonly context?: Context;
}

export interface ApiLogger {
  emit(record: ApiLogRecord): void;
  /** Whether a record of this severity would go anywhere; by the level of the scope's name in the tree. */
  enabled(options?: { readonly severityNumber?: number }): boolean;
}

export interface ApiLoggerProvider {
  getLogger(name: string, version?: string): ApiLogger;
}

/** For `logs.setGlobalLoggerProvider`: a scope is a logger name. */
export const apiLoggerProvider: ApiLoggerProvider = {
  getLogger(name, version) {
    const logger = typeof name === 'string' ? name : nameText(name ?? '');
    return {
      emit(record) {
        try {
          send(record, logger, version);
        } catch (error) {
          diagnostics.count('logs.call_errors');
          diagnostics.debug(`A record of the logs API could not be read: ${nameText(error)}`);
        }
      },
      enabled(options) {
        return isWanted(logger, options?.severityNumber || severity.INFO);
      },
    };
  },
};

/** Scopes of the official instrumentations of logging libraries: the library writes its own line. */
const printsItself = /^@opentelemetry\/(?:instrumentation-(?:pino|winston|bunyan)|winston-transport)$/;

function send(record: ApiLogRecord, logger: string, scopeVersion: string | undefined): void {
  const severityNumber = record.severityNumber || parseLevel(record.severityText) || severity.INFO;
  if (isWanted(logger, severityNumber)) emit(recordOf(record, severityNumber, logger, scopeVersion));
}

function recordOf(
  { body, eventName, attributes, exception, timestamp, context = activeContext() }: ApiLogRecord,
  severityNumber: number,
  logger: string,
  scopeVersion: string | undefined,
): LogRecord {
  return {
    time: timeOf(timestamp),
    level: levelOf(severityNumber),
    severityNumber,
    logger,
    message: messageOf(body, eventName),
    eventName,
    fields: attributes as LogRecord['fields'],
    error: exception,
    bound: undefined,
    stamp: stampOf(context),
    body: typeof body === 'string' ? undefined : body,
    scopeVersion,
    context,
    printed: printsItself.test(logger),
  };
}

function messageOf(body: unknown, eventName: string | undefined): string {
  if (typeof body === 'string') return body;
  return body === undefined || body === null ? (eventName ?? '') : (jsonText(body) ?? '');
}

/** A number may be epoch milliseconds or, as `performance.now()` gives it, milliseconds since the process began. */
function timeOf(timestamp: ApiLogRecord['timestamp']): number {
  if (timestamp === undefined || timestamp === null) return now();
  if (typeof timestamp === 'number') {
    return timestamp < performance.timeOrigin / 2 ? performance.timeOrigin + timestamp : timestamp;
  }
  if (timestamp instanceof Date) return timestamp.getTime();
  return timestamp[0] * 1000 + timestamp[1] / 1e6;
}
