/** The `traceparent` header, W3C Trace Context level 2. */
import type { SpanContext } from '@opentelemetry/api';

/** Bits of the flags byte; all others are reserved and sent as zero. */
export const sampledFlag = 0x01;
export const randomFlag = 0x02;

const shape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const versionZeroLength = 55;

/**
 * The remote parent that a `traceparent` value names, or `undefined` when it is not to be believed as a whole.
 * Versions after 00 may be longer, but what follows must begin with a dash; `ff` is forbidden.
 */
export function parseTraceparent(value: string): SpanContext | undefined {
  const parts = shape.exec(value.length > versionZeroLength ? value.slice(0, versionZeroLength) : value);
  if (parts === null) return undefined;
  const [, version, traceId, spanId, flags] = parts as unknown as [string, string, string, string, string];
  if (version === 'ff' || isZero(traceId) || isZero(spanId)) return undefined;
  if (value.length > versionZeroLength && (version === '00' || value[versionZeroLength] !== '-')) {
    return undefined;
  }
  const traceFlags = Number.parseInt(flags, 16) & (sampledFlag | randomFlag);
  return { traceId, spanId, traceFlags, isRemote: true };
}

/** The header for `span`, always version 00. */
export function formatTraceparent(span: SpanContext, flags: number): string {
  return `00-${span.traceId}-${span.spanId}-0${flags & (sampledFlag | randomFlag)}`;
}

/** Whether an id is all zeros, which every format calls invalid. */
export function isZero(id: string): boolean {
  return /^0+$/.test(id);
}
