/**
 * Where the app asked its database: written down in the asking call, read only by whoever tells somebody. A stack
 * costs a tenth of a query, so under load not every one is taken: then the statement's last known place is told.
 */
import { type Context, createContextKey } from '@opentelemetry/api';
import { type CallSite, siteIn } from '../src/logs/call-site.ts';
import { TokenBucket } from '../src/token-bucket.ts';
import { watched } from '../src/traces/watched.ts';

/** The stack of a call; it is made into text when somebody reads it. */
export interface AskedAt {
  readonly stack?: string;
  /** Where a connection was asked for, when that is why this call is made: a pool calls back without the app's frames. */
  readonly before?: AskedAt;
  /** Of a call whose own stack was not taken: where the same was asked lately. */
  readonly lately?: CallSite;
}

const key = createContextKey('sonde.asked-at');
const deepest = 50;
const nowhere: CallSite = { pathname: '', line: 0, functionName: '' };

/** Whether there is time for one more stack: some at once, and then so many a second. */
const affordable = new TokenBucket(200);

/** To be called in the asking call itself. */
export function askedHere(context?: Context): AskedAt {
  const site: { stack?: string; before?: AskedAt } = { before: before(context) };
  Error.captureStackTrace(site);
  return site;
}

function before(context: Context | undefined): AskedAt | undefined {
  return context?.getValue(key) as AskedAt | undefined;
}

/** As `askedHere` where it is sure to be told: it is seen also behind an ORM. */
export function askedDeeply(context: Context): AskedAt {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = deepest;
  try {
    return askedHere(context);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

interface Seen {
  readonly place: CallSite;
  readonly at: number;
}

const seen = new WeakMap<object, Seen>();
const freshMillis = 10_000;

/** As `askedHere` for what is seldom told. `statement`: the same object for the same statement. */
export function askedLately(statement: object, context: Context): AskedAt {
  if (!affordable.take()) {
    const asking = before(context);
    if (asking === undefined) return { lately: seen.get(statement)?.place };
    note(statement, asking);
    return asking;
  }
  const site = askedHere(context);
  note(statement, site);
  return site;
}

function note(statement: object, site: AskedAt): void {
  const now = performance.now();
  const known = seen.get(statement);
  const isKnown = known !== undefined && (known.place.pathname !== '' || site.before === undefined);
  if (isKnown && now - known.at < freshMillis) return;
  const place = placeOf(site);
  seen.set(statement, { place: place.pathname === '' && known ? known.place : place, at: now });
}

/** The context in which a pool calls back: what is asked there was asked here. */
export function askingHere(context: Context): Context {
  return watched.spans.size > 0 || affordable.take() ? context.setValue(key, askedHere()) : context;
}

/** The nearest place of the app. */
export function placeOf({ stack, before, lately = nowhere }: AskedAt): CallSite {
  const site = stack === undefined ? nowhere : siteIn(String(stack));
  if (site.pathname !== '') return site;
  return before === undefined ? lately : placeOf(before);
}
