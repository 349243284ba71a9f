/** Error events to Sentry, or a server that speaks its protocol (A60): one envelope each, paced as the server says. */
import { rootContext, runIn } from '../src/context/context.ts';
import { suppressed } from '../src/context/suppression.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { SondeError } from '../src/errors.ts';
import { readBreadcrumbs } from '../src/logs/breadcrumbs.ts';
import type { ErrorEvent } from '../src/logs/error-event.ts';
import type { Destination } from '../src/logs/handler.ts';
import { severity } from '../src/logs/levels.ts';
import type { LogRecord } from '../src/logs/record.ts';
import { redactText } from '../src/processing/redact.ts';
import { VERSION } from '../src/version.ts';
import { sightings } from './alert/sightings.ts';
import { atExit } from './at-exit.ts';
import { type Channel, dispatch } from './dispatch.ts';
import { post } from './post.ts';
import { type Dsn, readDsn } from './sentry/dsn.ts';
import { type Envelope, envelopeBody } from './sentry/envelope.ts';
import { type EventOptions, eventOf } from './sentry/event.ts';
import { postLastEnvelopes } from './sentry/last-envelopes.ts';
import { rateLimits } from './sentry/rate-limits.ts';

export interface SentryOptions extends EventOptions {
  /** `https://KEY@HOST/PROJECT`. */
  readonly dsn: string;
  /** Changes an event, or gives `null` to leave it out. One that throws leaves the event as it was. */
  readonly beforeSend?: (
    event: ErrorEvent,
    hint: { readonly originalException: unknown },
  ) => ErrorEvent | null;
  /** Texts that occur in `Type: message`, or patterns that match it: such errors are not sent. */
  readonly ignoreErrors?: readonly (string | RegExp)[];
}

/** As long as the end of the process waits for the last events, in milliseconds. */
const lastMillis = 2_000;
const unobserved = suppressed(rootContext);
const contentType = 'application/x-sentry-envelope';

/**
 * Sends each record of ERROR and above once: one error object is one event, however often it is logged on its way.
 * `write` never waits. An event is tried three times; while the server asks for silence (`X-Sentry-Rate-Limits`,
 * `Retry-After`) events are counted and left out. Everything is counted as `emitted.error_events`,
 * `delivered.error_events` and `dropped.error_events.*`. What waits when the process ends, also by a crash, is sent then.
 *
 * @throws SondeError for a DSN that is none
 */
export function sentryDestination(options: SentryOptions): Destination {
  const dsn = dsnOf(options.dsn);
  const limits = rateLimits();
  const isRepeated = sightings();
  const way = dispatch(channelOf(dsn, limits.heard), {}, 'error events');
  let closed = false;

  function flushSync(): void {
    const waiting = way.recall();
    if (waiting.length === 0) return;
    const taken = postAtEnd(waiting);
    diagnostics.count('delivered.error_events', taken);
    if (taken === waiting.length) return;
    diagnostics.count('dropped.error_events.unanswered', waiting.length - taken);
    const message = `${waiting.length - taken} error events to ${dsn.host} were not out at the end.`;
    diagnostics.warn('SONDE_ERR_ALERT', message);
  }

  const stayAwake = atExit(flushSync);
  const stopReading = readBreadcrumbs();

  return {
    write(record) {
      if (closed || record.severityNumber < severity.ERROR || isRepeated(record)) return;
      if (limits.isClosed) return diagnostics.count('dropped.error_events.rate_limited');
      const event = finished(record, options);
      if (event !== undefined) way.push(letterOf(event, dsn));
    },
    flush: () => way.flush(),
    flushSync,
    close() {
      if (closed) return;
      closed = true;
      stopReading();
      void way.flush().finally(stayAwake);
    },
  };
}

function dsnOf(text: string): Dsn {
  try {
    return readDsn(text, `sonde.javascript.node/${VERSION}`);
  } catch (error) {
    throw new SondeError('SONDE_ERR_OPTION', `Error events cannot be sent: ${(error as Error).message}.`);
  }
}

function channelOf({ host }: Dsn, onAnswer: ReturnType<typeof rateLimits>['heard']): Channel<Envelope> {
  return {
    name: `envelopes to ${host}`,
    send: ({ url, headers, body }, signal) => post(new URL(url), { headers, body, signal, onAnswer }),
  };
}

function letterOf(event: ErrorEvent, { url, auth }: Dsn): Envelope {
  const headers = { 'content-type': contentType, 'x-sentry-auth': auth };
  return { url: url.href, headers, body: envelopeBody(event) };
}

/** The event as it is sent; nothing where the app wants it left out. */
function finished(record: LogRecord, options: SentryOptions): ErrorEvent | undefined {
  const event = eventOf(record, options);
  if (isIgnored(event, options.ignoreErrors)) {
    diagnostics.count('dropped.error_events.ignored');
    return undefined;
  }
  if (options.beforeSend === undefined) return event;
  const changed = changedBy(options.beforeSend, event, record.error);
  if (changed === undefined) diagnostics.count('dropped.error_events.before_send');
  return changed;
}

function isIgnored(
  { exception, message = '' }: ErrorEvent,
  ignored: SentryOptions['ignoreErrors'] = [],
): boolean {
  const thrown = exception?.values.at(-1);
  const text = thrown === undefined ? message : `${thrown.type}: ${thrown.value}`;
  return ignored.some((each) => (typeof each === 'string' ? text.includes(each) : text.search(each) >= 0));
}

function changedBy(
  beforeSend: NonNullable<SentryOptions['beforeSend']>,
  event: ErrorEvent,
  originalException: unknown,
): ErrorEvent | undefined {
  try {
    const given = runIn(unobserved, () => beforeSend(event, { originalException }));
    if (given === null) return undefined;
    // What the app adds passes redaction, too.
    return JSON.parse(JSON.stringify(given), (_key, value) =>
      typeof value === 'string' ? redactText(value) : value,
    ) as ErrorEvent;
  } catch (error) {
    const message = `beforeSend threw, the event is sent as it was: ${String(error)}.`;
    diagnostics.warnOnce('sentry.before_send', 'SONDE_ERR_ALERT', message);
    return event;
  }
}

/** Gives back how many were taken. */
function postAtEnd(waiting: readonly Envelope[]): number {
  try {
    return postLastEnvelopes(waiting, lastMillis);
  } catch {
    return 0;
  }
}
