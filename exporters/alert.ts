/** Alerts (A43, A70): mails and chat messages for people, grouped and paced, so that a storm is one mail and one sum. */
import { inDevelopment } from '../src/config/deployment.ts';
import { rootContext, runIn } from '../src/context/context.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { SondeError } from '../src/errors.ts';
import { readBreadcrumbs } from '../src/logs/breadcrumbs.ts';
import type { Format } from '../src/logs/format.ts';
import type { Destination } from '../src/logs/handler.ts';
import type { LogRecord } from '../src/logs/record.ts';
import { redactText } from '../src/processing/redact.ts';
import type { Alert } from './alert/alert.ts';
import { fingerprintOf } from './alert/fingerprint.ts';
import { grouping } from './alert/grouping.ts';
import { mailChannel, type SmtpOptions } from './alert/mail.ts';
import { mailFileChannel } from './alert/mail-file.ts';
import { factsOf, htmlOf, type ReportOptions, subjectOf, summaryOf, textOf } from './alert/report.ts';
import { addressList } from './alert/request.ts';
import { sightings } from './alert/sightings.ts';
import { addressesOf, smtpOf } from './alert/smtp-url.ts';
import { type WebhookOptions, webhookChannel } from './alert/webhook.ts';
import { atExit } from './at-exit.ts';
import { type Channel, type DispatchTimes, dispatch } from './dispatch.ts';

/** What `report` gives: it passes redaction once more before it leaves. */
export interface AlertReport {
  readonly text: string;
  readonly html?: string;
}

export interface AlertDestinationOptions {
  /** Who gets the mails: `ada@example.com`, `Ada <ada@example.com>`, or `['Ada', 'ada@example.com']`. */
  readonly adminEmails?: readonly (string | readonly [name: string, address: string])[];
  /** Who sends them (Django's `SERVER_EMAIL`); `root@localhost` by default. */
  readonly serverEmail?: string;
  /** The mail server: `smtp://user:password@host:587`, `smtps://host`. Port 25 of this machine by default. */
  readonly email?: string | SmtpOptions;
  /** A Slack, Teams or other address that takes JSON by POST. */
  readonly webhook?: string | WebhookOptions;
  /** A folder in which each mail becomes a file, in place of a mail server. */
  readonly file?: string;
  /** Sends in place of a mail server. May throw or reject, and is then tried again. */
  readonly transport?: (subject: string, body: string, alert: Alert) => unknown;
  /** In front of every subject (Django's `EMAIL_SUBJECT_PREFIX`); `[service] ` by default. */
  readonly subjectPrefix?: string;
  /** A subject for all, in place of level, address and message: that of Python's `SMTPHandler`. */
  readonly subject?: string;
  /** Addresses and ranges that are `internal IP` in a subject (Django's `INTERNAL_IPS`); others are `EXTERNAL IP`. */
  readonly internalIps?: readonly string[];
  /** Writes the text, in place of Django's `reporter_class`. One that throws is replaced by the default report. */
  readonly report?: (record: LogRecord) => AlertReport;
  /** The head of the default text: a formatter's. */
  readonly format?: Format;
  /** Adds the text as HTML, nothing more. Off by default. */
  readonly includeHtml?: boolean;
  /** Where a trace is shown: `https://traces.example.com/trace/{trace_id}`. */
  readonly link?: string;
  readonly service?: ReportOptions['service'];
  /** Milliseconds in which one kind of alert is sent once; 900,000 (15 minutes) by default. */
  readonly windowMillis?: number;
  /** Whether alerts are sent in development, too (A8); false by default. */
  readonly inDevelopment?: boolean;
  /** Paces of the attempts: 10 s for each, 5 s and 10 s between the three of them by default. */
  readonly times?: Partial<DispatchTimes>;
}

/**
 * Sends the first alert of a kind at once, counts those like it for 15 minutes, and then sends one summary: `999
 * more`. A kind is a place where errors are thrown, or a line that logs. One error object is one alert, however often it is
 * logged on its way. What is held back goes out with `forceFlush` and at the end of the process, too.
 *
 * `write` never waits. A channel that fails, hangs or refuses hurts nobody: each alert is tried three times, it is
 * said once a minute at most, and counted (`delivered.alerts`, `dropped.alerts.*`, `alerts.failed_attempts`). In
 * development nothing is sent, and that is said once.
 *
 * @param defaults asked for what `options` leave open, until there is a channel: the settings of an `init` that
 *   comes later
 * @throws SondeError for an option that cannot be used
 * @example alertDestination({ adminEmails: ['ops@example.com'], email: 'smtp://mail.example.com:587' })
 */
export function alertDestination(
  options: AlertDestinationOptions,
  defaults: () => AlertDestinationOptions | undefined = () => undefined,
): Destination {
  let made: Alerts | undefined;
  let closed = false;

  function alerts(): Alerts | undefined {
    if (made === undefined) {
      const settings = { ...defaults(), ...options };
      const channels = channelsOf(settings);
      if (channels.length > 0) made = startAlerts(settings, channels);
    }
    return made;
  }

  alerts();
  return {
    write(record) {
      if (closed) throw new Error('The alert destination is closed.');
      if (options.inDevelopment !== true && inDevelopment()) return tellSilent();
      const working = alerts();
      if (working === undefined) tellNobody();
      else working.write(record);
    },
    async flush() {
      await made?.flush();
    },
    flushSync() {
      made?.flushSync();
    },
    close() {
      if (closed) return;
      closed = true;
      void made?.end();
    },
  };
}

function tellSilent(): void {
  diagnostics.infoOnce(
    'alerts.development',
    'Alerts are silent in development (NODE_ENV, or deployment.environment.name).',
  );
}

function tellNobody(): void {
  diagnostics.count('dropped.alerts.no_channel');
  const told =
    'An alert has nobody to go to: name adminEmails, email, webhook, file or transport in `alerts`.';
  diagnostics.warnOnce('alerts.channel', 'SONDE_ERR_ALERT', told);
}

/** Every way out that the options name. */
function channelsOf(options: AlertDestinationOptions): Channel<Alert>[] {
  try {
    return [...mailChannelsOf(options), ...webhookChannelsOf(options)];
  } catch (error) {
    throw new SondeError('SONDE_ERR_OPTION', `Alerts cannot be sent: ${(error as Error).message}.`, error);
  }
}

/** A function or a folder stands in for the mail server. */
function mailChannelsOf(options: AlertDestinationOptions): Channel<Alert>[] {
  const { adminEmails = [], email, file, transport, webhook } = options;
  const addresses = addressesOf(adminEmails, options.serverEmail);
  const channels: Channel<Alert>[] = [];
  if (transport !== undefined) channels.push(ownChannel(transport));
  if (file !== undefined) channels.push(mailFileChannel(file, addresses));
  const isWanted = email !== undefined || (adminEmails.length > 0 && webhook === undefined);
  if (channels.length > 0 || !isWanted) return channels;
  const server = smtpOf(email);
  return addresses.to.length === 0 ? [] : [mailChannel(server, addresses)];
}

function webhookChannelsOf({ webhook }: AlertDestinationOptions): Channel<Alert>[] {
  if (webhook === undefined) return [];
  return [webhookChannel(typeof webhook === 'string' ? { url: webhook } : webhook)];
}

function ownChannel(transport: NonNullable<AlertDestinationOptions['transport']>): Channel<Alert> {
  return {
    name: "the app's transport",
    send(alert) {
      const answer = transport(alert.subject, alert.text, alert);
      return answer instanceof Promise ? answer.then(() => undefined) : undefined;
    },
  };
}

interface Alerts {
  write(record: LogRecord): void;
  flush(): Promise<void>;
  flushSync(): void;
  /** Sends what there is, and takes nothing more. */
  end(): Promise<void>;
}

const fifteenMinutes = 900_000;

function startAlerts(settings: AlertDestinationOptions, channels: readonly Channel<Alert>[]): Alerts {
  const options = reportOptions(settings);
  const groups = grouping(settings.windowMillis ?? fifteenMinutes);
  const isRepeated = sightings();
  const ways = channels.map((channel) => dispatch(channel, settings.times));
  let timer: NodeJS.Timeout | undefined;

  function send(alert: Alert): void {
    for (const way of ways) way.push(alert);
  }

  function summarize(held: ReturnType<typeof groups.due>): void {
    if (held.length > 0) send(summaryOf(held, options));
  }

  function tick(): void {
    timer = undefined;
    summarize(groups.due());
    schedule();
  }

  function schedule(): void {
    const millis = groups.nextMillis;
    if (timer !== undefined || millis === undefined) return;
    timer = runIn(rootContext, () => setTimeout(tick, Math.min(millis + 1, 2 ** 31 - 1)).unref());
  }

  async function flush(): Promise<void> {
    summarize(groups.release());
    await Promise.all(ways.map((way) => way.flush()));
  }

  /** Files are written; a mail cannot be sent any more. */
  function flushSync(): void {
    summarize(groups.release());
    for (const way of ways) way.abandon();
  }

  const stayAwake = atExit(flushSync);
  const stopReading = readBreadcrumbs();

  return {
    write(record) {
      if (isRepeated(record)) return;
      const fingerprint = fingerprintOf(record);
      const { traceId, correlationId } = record.stamp;
      const sighting = { fingerprint, time: record.time, traceId, correlationId };
      if (groups.admit(sighting, () => subjectOf(record, options))) {
        send(alertOf(record, fingerprint, settings, options));
      }
      schedule();
    },
    flush,
    flushSync,
    async end() {
      clearTimeout(timer);
      stopReading();
      await flush();
      stayAwake();
    },
  };
}

function reportOptions(settings: AlertDestinationOptions): ReportOptions {
  const { service, subject, link, format, internalIps = [], includeHtml = false } = settings;
  if (includeHtml) {
    const told =
      'Alerts are sent as HTML, too: the same redacted text, without the locals and settings of Django.';
    diagnostics.infoOnce('alerts.html', `${told} Plain text alone is safer still.`);
  }
  const prefix = settings.subjectPrefix ?? (service === undefined ? '' : `[${service.name}]`);
  const subjectPrefix = prefix.trim() === '' ? '' : `${prefix.trim()} `;
  return { service, subject, link, format, includeHtml, subjectPrefix, isInternal: addressList(internalIps) };
}

function alertOf(
  record: LogRecord,
  fingerprint: string,
  { report }: AlertDestinationOptions,
  options: ReportOptions,
): Alert {
  const facts = factsOf(record, fingerprint, options);
  const subject = subjectOf(record, options);
  const own = report === undefined ? undefined : ownReport(report, record);
  const text = own?.text ?? textOf(facts, record, options);
  const html = own?.html ?? (options.includeHtml ? htmlOf(subject, text, facts.link) : undefined);
  return { subject, text, html, facts };
}

function ownReport(
  report: NonNullable<AlertDestinationOptions['report']>,
  record: LogRecord,
): AlertReport | undefined {
  try {
    const { text, html } = report(record);
    return {
      text: redactText(String(text)),
      html: html === undefined ? undefined : redactText(String(html)),
    };
  } catch (error) {
    diagnostics.count('alerts.report_errors');
    const told = `An alert's report threw, the default one is sent: ${String(error)}.`;
    diagnostics.warnOnce('alerts.report', 'SONDE_ERR_ALERT', told);
    return undefined;
  }
}
