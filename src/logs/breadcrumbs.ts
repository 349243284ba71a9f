/**
 * What was logged in a trace before it erred (A61): a short trail per trace, kept only where somebody reads it. A crumb
 * is a copy of what is small, so that the trail keeps none of the app's objects alive and shows what was true then.
 */
import { redactText } from '../processing/redact.ts';
import { shared } from '../slot.ts';
import { type LevelWord, severity } from './levels.ts';
import { mergedFields, plainText, visible } from './pretty-format.ts';
import type { LogRecord } from './record.ts';
import { isoTime } from './time.ts';

/** `alerts`: kept and told where alerts are sent; `on`: in JSON lines and OTLP, too. */
export type BreadcrumbMode = 'off' | 'alerts' | 'on';

/** Oldest first, one line each: `2026-01-21T10:30:00.123Z INFO shop.orders order created orderId=1042`. Redacted. */
export type Breadcrumbs = () => readonly string[];

interface Crumb {
  readonly time: number;
  readonly level: LevelWord;
  readonly logger: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
  readonly bytes: number;
}

interface Trail {
  readonly crumbs: Crumb[];
  /** Where the next crumb goes, and the oldest one is, once the trail is full. */
  next: number;
  bytes: number;
}

interface State {
  mode: BreadcrumbMode;
  readers: number;
  isOn: boolean;
  /** Two generations: who is not heard of while the younger one fills is forgotten with the elder. */
  young: Map<string, Trail>;
  old: Map<string, Trail>;
  youngBytes: number;
  born: number;
}

const longestTrail = 50;
const mostTraces = 500;
const mostBytes = 1_048_576;
/** Milliseconds after which a generation is old, however small. */
const longestLife = 60_000;
const longestText = 300;
/** Of a longer text the beginning is read for secrets: far more than is kept. */
const longestRead = 4_096;
const mostFields = 12;

const state = shared<State>('logs.breadcrumbs', () => ({
  ...{ mode: 'alerts', readers: 0, isOn: false, youngBytes: 0, born: 0 },
  ...{ young: new Map(), old: new Map() },
}));

/** Sets the mode of the process; whoever switches it off forgets what there is. */
export function useBreadcrumbs(mode: BreadcrumbMode): void {
  state.mode = mode;
  decide();
}

/** Somebody reads breadcrumbs from now on: alerts. Gives back a function that ends it. */
export function readBreadcrumbs(): () => void {
  let isReading = true;
  state.readers++;
  decide();
  return () => {
    if (!isReading) return;
    isReading = false;
    state.readers--;
    decide();
  };
}

function decide(): void {
  state.isOn = state.mode === 'on' || (state.mode === 'alerts' && state.readers > 0);
  if (!state.isOn) startOver(0);
}

/** Whether records are to be handed to `withTrail`. */
export function keepsBreadcrumbs(): boolean {
  return state.isOn;
}

/** Keeps the record for what may follow, and gives one of ERROR or above the trail that led to it. Never throws. */
export function withTrail(record: LogRecord): LogRecord {
  const { traceId, correlationId } = record.stamp;
  const id = traceId ?? correlationId;
  if (id === undefined) return record;
  const trail = trailOf(id, record.time);
  const errs = record.severityNumber >= severity.ERROR && record.seen !== true && trail.crumbs.length > 0;
  const told = errs ? { ...record, breadcrumbs: tellerOf(trail) } : record;
  add(trail, crumbOf(record));
  return told;
}

function trailOf(id: string, time: number): Trail {
  const isFull = state.young.size >= mostTraces || state.youngBytes > mostBytes;
  if (isFull || time - state.born > longestLife) startOver(time, state.young);
  const found = state.young.get(id);
  if (found !== undefined) return found;
  const trail = state.old.get(id) ?? { crumbs: [], next: 0, bytes: 0 };
  state.old.delete(id);
  state.young.set(id, trail);
  state.youngBytes += trail.bytes;
  return trail;
}

function startOver(time: number, old: Map<string, Trail> = new Map()): void {
  state.old = old;
  state.young = new Map();
  state.youngBytes = 0;
  state.born = time;
}

function add(trail: Trail, crumb: Crumb): void {
  const bytes = crumb.bytes - (trail.crumbs[trail.next]?.bytes ?? 0);
  trail.crumbs[trail.next] = crumb;
  trail.next = (trail.next + 1) % longestTrail;
  trail.bytes += bytes;
  state.youngBytes += bytes;
}

/** Only what is short by nature, or is made so. */
function crumbOf({ time, level, logger, message, fields, bound }: LogRecord): Crumb {
  const text = short(message);
  let bytes = 200 + text.length;
  let small: Record<string, unknown> | undefined;
  for (const source of [bound, fields]) {
    if (source === undefined) continue;
    small ??= {};
    bytes += copySmall(source, small);
  }
  return { time, level, logger, message: text, fields: small, bytes };
}

/** Gives back how many bytes were copied. */
function copySmall(fields: Readonly<Record<string, unknown>>, into: Record<string, unknown>): number {
  let bytes = 0;
  try {
    for (const key of Object.keys(fields).slice(0, mostFields)) {
      const value = fields[key];
      if (typeof value === 'string') into[key] = short(value);
      else if (typeof value === 'number' || typeof value === 'boolean') into[key] = value;
      else continue;
      bytes += 24 + key.length + (typeof value === 'string' ? Math.min(value.length, longestText) : 0);
    }
  } catch {
    // A getter or a Proxy that throws: the words are there.
  }
  return bytes;
}

/** Half a secret is not known as one, so what is cut is cleaned before. */
function short(text: string): string {
  if (text.length <= longestText) return text;
  const start = redactText(text.slice(0, longestRead)).slice(0, longestText);
  // A part of a string keeps the whole of it alive, unless it is copied.
  return Buffer.from(`${start}…`, 'utf16le').toString('utf16le');
}

/** Most alerts are only counted, so nothing is written before somebody asks. */
function tellerOf({ crumbs, next }: Trail): Breadcrumbs {
  const isFull = crumbs.length === longestTrail;
  const ordered = isFull ? [...crumbs.slice(next), ...crumbs.slice(0, next)] : [...crumbs];
  let lines: readonly string[] | undefined;
  return () => {
    lines ??= ordered.map(lineOf);
    return lines;
  };
}

function lineOf(crumb: Crumb): string {
  const fields = mergedFields({ fields: crumb.fields, stamp: {} });
  const words = Object.keys(fields).map((key) => `${visible(key)}=${plainText(fields[key])}`);
  const head = [isoTime(crumb.time), crumb.level, visible(crumb.logger), visible(redactText(crumb.message))];
  return [...head, ...words].join(' ');
}
