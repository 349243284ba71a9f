/** Sonde's log record in the shape that OpenTelemetry's serializers read. */
import type { AnyValue, Attributes, HrTime, SpanContext } from '@opentelemetry/api';
import { fingerprintOf } from '../../src/logs/fingerprint.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import {
  type SafeObject,
  safeMember,
  safeText,
  toAnyValue,
  type ValueLimits,
  valueLimits,
} from '../../src/processing/limits.ts';
import { redactText } from '../../src/processing/redact.ts';
import { exceptionAttributes } from './exception.ts';

/** The part of OpenTelemetry's Resource that is sent. */
export interface ResourceLike {
  readonly attributes: Attributes;
  readonly schemaUrl?: string;
}

export interface Scope {
  readonly name: string;
  readonly version?: string;
  readonly schemaUrl?: string;
  readonly attributes?: Attributes;
}

/** As sdk-logs' ReadableLogRecord, without what it stands under. */
export interface ReadableLogRecord {
  readonly hrTime: HrTime;
  readonly hrTimeObserved: HrTime;
  readonly spanContext?: SpanContext;
  readonly severityText: string;
  readonly severityNumber: number;
  readonly body: AnyValue;
  readonly eventName?: string;
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
}

/** What the encoders need to know beside the records. */
export interface LogShape {
  readonly resource: ResourceLike;
  /** Characters of one value; 64 kB where the configuration names no limit. */
  readonly attributeValueLengthLimit?: number;
  /** Attributes of one record; what exceeds it is counted in `dropped_attributes_count`. */
  readonly attributeCountLimit?: number;
  /** Whether an error's `error.breadcrumbs` is an attribute. */
  readonly breadcrumbs?: boolean;
  /** Whether `request_id` is an attribute. */
  readonly requestId?: boolean;
}

/** How long and deep a record's values may be. */
export function logLimits(shape: LogShape): ValueLimits {
  const stringLength = Math.min(shape.attributeValueLengthLimit ?? Infinity, valueLimits.stringLength);
  return { ...valueLimits, bytes: true, stringLength };
}

/** Attributes that one record may have. */
export function attributeLimit(shape: LogShape): number {
  return shape.attributeCountLimit ?? 128;
}

/** Any record, whatever it holds. */
export function toReadableLog(
  record: LogRecord,
  shape: LogShape,
  limits: ValueLimits = logLimits(shape),
): ReadableLogRecord {
  const hrTime = hrTimeOf(record.time);
  const attributes: SafeObject = Object.create(null);
  const dropped = fill(attributes, record, shape, limits);
  return {
    hrTime,
    hrTimeObserved: hrTime,
    spanContext: spanContextOf(record),
    severityText: record.level,
    severityNumber: record.severityNumber,
    body: toAnyValue(record.message) as AnyValue,
    eventName: eventNameOf(record),
    attributes: attributes as Attributes,
    droppedAttributesCount: dropped,
  };
}

export function eventNameOf({ eventName }: LogRecord): string | undefined {
  return eventName === undefined ? undefined : safeText(redactText(String(eventName)));
}

/** Epoch milliseconds as seconds and nanoseconds; the present where it is no time at all. */
export function hrTimeOf(millis: number): HrTime {
  const time = Number.isFinite(millis) && millis >= 0 ? millis : Date.now();
  const seconds = Math.floor(time / 1000);
  return [seconds, Math.min(Math.round((time - seconds * 1000) * 1e6), 999_999_999)];
}

function spanContextOf({ stamp }: LogRecord): SpanContext | undefined {
  const { traceId, spanId, traceFlags } = stamp;
  return traceId && spanId ? { traceId, spanId, traceFlags } : undefined;
}

/** What is said of a record's error. */
export function errorAttributes(
  { error, seen, breadcrumbs }: LogRecord,
  { stringLength }: ValueLimits,
  shape: LogShape,
): SafeObject {
  const attributes = exceptionAttributes(error, stringLength);
  attributes['error.fingerprint'] = fingerprintOf(error);
  if (seen === true) attributes['error.seen'] = true;
  if (shape.breadcrumbs && breadcrumbs !== undefined) attributes['error.breadcrumbs'] = [...breadcrumbs()];
  return attributes;
}

/** The ids and the exception go first: the count limit must not cost them. Gives back how many were left out. */
function fill(into: SafeObject, record: LogRecord, shape: LogShape, limits: ValueLimits): number {
  const { stamp, error } = record;
  if (stamp.correlationId !== undefined) into.correlation_id = safeText(stamp.correlationId);
  if (shape.requestId && stamp.requestId !== undefined) into.request_id = safeText(stamp.requestId);
  if (error !== undefined) Object.assign(into, errorAttributes(record, limits, shape));
  const fixed = new Set(Object.keys(into));
  const most = attributeLimit(shape);
  let kept = fixed.size;
  let dropped = 0;
  for (const source of [record.fields, record.bound, stamp.attributes]) {
    for (const key of keysOf(source)) {
      // A field must not forge an id or an exception; the call's own fields win over bound ones.
      const name = safeText(redactText(fixed.has(key) ? `attributes.${key}` : key));
      if (name in into) continue;
      const value = kept < most ? safeMember(source as object, key, limits) : null;
      if (value === undefined) continue;
      if (kept++ < most) into[name] = value;
      else dropped++;
    }
  }
  return dropped;
}

function keysOf(source: object | undefined): readonly string[] {
  try {
    return Object.keys(source ?? {});
  } catch {
    return [];
  }
}
