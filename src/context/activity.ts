/** What one request does besides answering: counted while it runs, told by its one access record (A64). */
import type { Context } from '@opentelemetry/api';
import { type Correlation, correlationOf, unitOf } from './correlation.ts';

/** The sums of one request. Times in milliseconds; calls side by side count each, so that they may exceed the request's own. */
export interface Activity {
  dbCalls: number;
  dbMillis: number;
  httpCalls: number;
  httpMillis: number;
  cacheHits: number;
  cacheMisses: number;
  /** What `annotate` added. */
  notes: Readonly<Record<string, unknown>> | undefined;
  /** Kind of the security record that this request has caused; a plain 4xx record is then none any more. */
  security: string | undefined;
}

export function newActivity(): Activity {
  return {
    dbCalls: 0,
    dbMillis: 0,
    httpCalls: 0,
    httpMillis: 0,
    cacheHits: 0,
    cacheMisses: 0,
    notes: undefined,
    security: undefined,
  };
}

/** That of the request which `context` belongs to; `undefined` where it belongs to none. */
export function activityOf(context: Context): Activity | undefined {
  const correlation: Correlation | undefined = correlationOf(context);
  return correlation === undefined ? undefined : unitOf(correlation).activity;
}

/** One finished call to a database. */
export function countDbCall(context: Context, millis: number): void {
  const activity = activityOf(context);
  if (activity === undefined) return;
  activity.dbCalls += 1;
  activity.dbMillis += millis;
}

/** One finished outgoing HTTP request. */
export function countHttpCall(context: Context, millis: number): void {
  const activity = activityOf(context);
  if (activity === undefined) return;
  activity.httpCalls += 1;
  activity.httpMillis += millis;
}

/** One question to a cache. For instrumentations of caches; a `GET` that came back empty is a miss. */
export function countCacheLookup(context: Context, isHit: boolean): void {
  const activity = activityOf(context);
  if (activity === undefined) return;
  if (isHit) activity.cacheHits += 1;
  else activity.cacheMisses += 1;
}

/** A security record was made in a request: of its 4xx nothing more is to be told. */
export function noteSecurity(context: Context, kind: string): void {
  const activity = activityOf(context);
  if (activity !== undefined) activity.security ??= kind;
}
