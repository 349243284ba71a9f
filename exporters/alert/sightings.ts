/** One error object is one alert, whoever logs it first (A70). */
import { causesOf } from '../../src/logs/error-shape.ts';
import type { LogRecord } from '../../src/logs/record.ts';

interface Sighting {
  readonly traceId: string | undefined;
  readonly time: number;
}

/** Milliseconds. An error may be a constant that is thrown every day. */
const longest = 60_000;

/** Tells whether this error, or one of its causes, was alerted within the last minute of the same trace. */
export function sightings(): (record: LogRecord) => boolean {
  const alerted = new WeakMap<object, Sighting>();

  function isRepeated(link: object, { time, stamp }: LogRecord): boolean {
    const before = alerted.get(link);
    return before !== undefined && before.traceId === stamp.traceId && time - before.time < longest;
  }

  return (record) => {
    if (record.seen) return true;
    const links = causesOf(record.error);
    if (links.some((link) => isRepeated(link, record))) return true;
    const sighting = { traceId: record.stamp.traceId, time: record.time };
    for (const link of links) alerted.set(link, sighting);
    return false;
  };
}
