/**
 * One error object is one ERROR record, whoever sees it first (A70): an error that is logged and thrown on is told
 * once, though the route, the framework and the process meet it, too.
 */
import { shared } from '../slot.ts';
import { errorNotes } from './error-notes.ts';
import { causesOf, memberOf } from './error-shape.ts';
import { severity } from './levels.ts';
import type { LogRecord } from './record.ts';
import { now } from './time.ts';

interface Sighting {
  readonly traceId: string | undefined;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** Frameworks print an error's stack, which is text: those of the last errors are known. */
const stacks = shared<{ last: { readonly stack: unknown; readonly sighting: Sighting }[] }>(
  'logs.stacks',
  () => ({ last: [] }),
);
const mostStacks = 8;
/** An error object may be a constant that is thrown every day: what crosses the layers of one work is quicker. */
const longest = 60_000;
const widestAggregate = 20;

/**
 * Whether this error, or one that is among its causes, has its ERROR record already: within the last minute, in the
 * same trace (or where one of the two is in none). Ask before telling an error that the app may have told; see
 * `reportError`.
 */
export function isTold(thrown: unknown, traceId: string | undefined, time: number = now()): boolean {
  for (const link of linksOf(thrown)) {
    const notes = errorNotes.read(link);
    if (notes?.toldAt === undefined) continue;
    if (isSameWork({ time: notes.toldAt, traceId: notes.toldIn }, traceId, time)) return true;
  }
  return false;
}

/** The error and its causes have their record now. */
export function noteTold(thrown: unknown, traceId: string | undefined, time: number = now()): void {
  for (const link of linksOf(thrown)) {
    const notes = errorNotes.open(link);
    notes.toldAt = time;
    notes.toldIn = traceId;
  }
  if (!isObject(thrown)) return;
  stacks.last.push({ stack: memberOf(thrown, 'stack'), sighting: { traceId, time } });
  if (stacks.last.length > mostStacks) stacks.last.shift();
}

/** Whether the text is the stack of an error that has its record already, and nothing more. */
export function isToldText(text: string, traceId: string | undefined, time: number = now()): boolean {
  return stacks.last.some(({ stack, sighting }) => stack === text && isSameWork(sighting, traceId, time));
}

/** Whether a record counts as the one of its error: an error told at DEBUG or as a warning is still to be told. */
export function tells(record: LogRecord): boolean {
  return record.error !== undefined && record.severityNumber >= severity.ERROR;
}

function isSameWork(sighting: Sighting, traceId: string | undefined, time: number): boolean {
  if (Math.abs(time - sighting.time) > longest) return false;
  return sighting.traceId === traceId || sighting.traceId === undefined || traceId === undefined;
}

/** The error, its causes, and what an AggregateError is made of. A thrown text or number has no identity. */
function linksOf(thrown: unknown): readonly object[] {
  const links = causesOf(thrown);
  for (const inner of aggregated(thrown)) if (isObject(inner)) links.push(inner);
  return links;
}

const none: readonly unknown[] = [];

function aggregated(thrown: unknown): readonly unknown[] {
  const errors = isObject(thrown) ? memberOf(thrown, 'errors') : undefined;
  try {
    return Array.isArray(errors) ? errors.slice(0, widestAggregate) : none;
  } catch {
    return none;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
