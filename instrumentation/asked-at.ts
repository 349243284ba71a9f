/** Where the app asked its database: written down in the asking call, read only by whoever tells somebody. */
import { type Context, createContextKey } from '@opentelemetry/api';
import { type CallSite, siteIn } from '../src/logs/call-site.ts';

/** The stack of a call; it is made into text when somebody reads it. */
export interface AskedAt {
  readonly stack?: string;
  /** Where a connection was asked for, when that is why this call is made: a pool calls back without the app's frames. */
  readonly before?: AskedAt;
}

const key = createContextKey('sonde.asked-at');
const deepest = 50;

/** To be called in the asking call itself. */
export function askedHere(context?: Context): AskedAt {
  const site: { stack?: string; before?: AskedAt } = {
    before: context?.getValue(key) as AskedAt | undefined,
  };
  Error.captureStackTrace(site);
  return site;
}

/** As `askedHere` for a test, which wants to know also behind an ORM. */
export function askedDeeply(context: Context): AskedAt {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = deepest;
  try {
    return askedHere(context);
  } finally {
    Error.stackTraceLimit = before;
  }
}

/** The context in which a pool calls back: what is asked there was asked here. */
export function askingHere(context: Context): Context {
  return context.setValue(key, askedHere());
}

/** The nearest place of the app. */
export function placeOf({ stack, before }: AskedAt): CallSite {
  const site = siteIn(String(stack));
  return site.pathname === '' && before !== undefined ? placeOf(before) : site;
}
