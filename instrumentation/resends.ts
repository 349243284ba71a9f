/**
 * `http.request.resend_count`: redirects that a client follows and requests that it repeats, whoever does it. A request
 * is sent again when work asks for what its last answer pointed to, or once more for what has just failed it.
 */
import type { Context } from '@opentelemetry/api';
import { rootContext } from '../src/context/context.ts';

/** One request, and how it ended. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  /** 0 for the first time. */
  readonly resendCount: number;
}

interface Expected {
  /** Any where it is a redirect: it may turn a POST into a GET. */
  readonly method: string | undefined;
  readonly url: string;
  readonly resendCount: number;
  readonly time: number;
}

/** Calls side by side that may yet be sent again. */
const mostExpected = 8;
/** A retry waits, a redirect does not. */
const longestWait = 60_000;
const expectations = new WeakMap<Context, Expected[]>();

/** Which time this is that `context` sends it; 0 for the first. `url` is asked for only where it matters. */
export function resendCount(context: Context, method: string, url: () => string): number {
  const expected = expectations.get(context);
  if (expected === undefined) return 0;
  const target = url();
  const oldest = performance.now() - longestWait;
  const at = expected.findIndex(
    (each) => each.url === target && (each.method ?? method) === method && each.time > oldest,
  );
  if (at < 0) return 0;
  const [found] = expected.splice(at, 1);
  if (expected.length === 0) expectations.delete(context);
  return found?.resendCount ?? 0;
}

const repeatable: ReadonlySet<number> = new Set([408, 413, 429, 500, 502, 503, 504, 521, 522, 524]);

/** What came of it: a status with its `Location`, or no answer at all. */
export function noteAnswer(context: Context, sent: Sent, status?: number, location?: unknown): void {
  if (status !== undefined && status >= 300 && status < 400) {
    const url = typeof location === 'string' ? URL.parse(location, sent.url) : null;
    if (url !== null) expect(context, sent, undefined, url.href);
  } else if (context !== rootContext && (status === undefined || repeatable.has(status))) {
    expect(context, sent, sent.method, sent.url);
  }
}

function expect(context: Context, sent: Sent, method: string | undefined, url: string): void {
  const all = expectations.get(context) ?? [];
  all.push({ method, url, resendCount: sent.resendCount + 1, time: performance.now() });
  if (all.length > mostExpected) all.shift();
  expectations.set(context, all);
}
