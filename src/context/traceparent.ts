/** The `traceparent` header, W3C Trace Context level 2. */
import type { SpanContext } from '@opentelemetry/api';

/** Bits of the flags byte; all others are reserved and sent as zero. */
export const sampledFlag = 0x01;
export const randomFlag = 0x02;

const shape = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const versionZeroLength = 55;
const noTrace = '0'.repeat(32);
const noSpan = '0'.repeat(16);

/**
 * The remote parent that a `traceparent` value names, or `undefined` when it is not to be believed as a whole.
 * Versions after 00 may be longer, but what follows must begin with a dash; `ff` is forbidden.
 */
export function parseTraceparent(value: string): SpanContext | undefined {
  const isLonger = value.length > versionZeroLength;
  if (!shape.test(isLonger ? value.slice(0, versionZeroLength) : value)) return undefined;
  if (isLonger && (value.startsWith('00') || value[versionZeroLength] !== '-')) return undefined;
  const traceId = value.slice(3, 35);
  const spanId = value.slice(36, 52);
  if (value.startsWith('ff') || traceId === noTrace || spanId === noSpan) return undefined;
  const traceFlags = Number.parseInt(value.slice(53, versionZeroLength), 16) & (sampledFlag | randomFlag);
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
