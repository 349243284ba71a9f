/** Points in time as OpenTelemetry's pair of seconds and nanoseconds. */
import type { HrTime } from '@opentelemetry/api';

const nanosInSecond = 1e9;

/** Of epoch milliseconds. */
export function hrTimeOf(millis: number): HrTime {
  const seconds = Math.trunc(millis / 1000);
  return [seconds, Math.round((millis % 1000) * 1e6)];
}

/** `time`, so many milliseconds later. */
export function later([seconds, nanos]: HrTime, millis: number): HrTime {
  const [moreSeconds, moreNanos] = hrTimeOf(millis);
  const sum = nanos + moreNanos;
  return sum < nanosInSecond
    ? [seconds + moreSeconds, sum]
    : [seconds + moreSeconds + 1, sum - nanosInSecond];
}

/** From one to the other; negative seconds where `end` is before `start`. */
export function between(start: HrTime, end: HrTime): HrTime {
  const seconds = end[0] - start[0];
  const nanos = end[1] - start[1];
  return nanos < 0 ? [seconds - 1, nanos + nanosInSecond] : [seconds, nanos];
}

export function isHrTime(value: unknown): value is HrTime {
  return (
    Array.isArray(value) && value.length === 2 && typeof value[0] === 'number' && typeof value[1] === 'number'
  );
}

/** Whether this can stand for a time in OpenTelemetry's calls. */
export function isTimeInput(value: unknown): value is HrTime | number | Date {
  return typeof value === 'number' || value instanceof Date || isHrTime(value);
}
