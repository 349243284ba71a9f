/** A record as an error event of Sentry's protocol, version 7 (A60, A61). Nothing in it is secret. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Breadcrumb, ErrorEvent, ExceptionValue } from '../../src/logs/error-event.ts';
import { describeError, type ErrorShape } from '../../src/logs/error-shape.ts';
import { mergedFields, plainText } from '../../src/logs/pretty-format.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { redactText } from '../../src/processing/redact.ts';
import { VERSION } from '../../src/version.ts';
import { fingerprintOf } from '../alert/fingerprint.ts';
import { requestNames, requestOf } from '../alert/request.ts';
import { framesOf } from './frames.ts';

export interface EventOptions {
  readonly release?: string;
  readonly environment?: string;
  /** Whether the address of the client and the headers of the request are sent, too. */
  readonly sendDefaultPii: boolean;
}

const levels = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warning',
  ERROR: 'error',
  FATAL: 'fatal',
} as const;
const longestText = 8_192;
const mostExtra = 100;
/** What has a place of its own in an event. */
const placed: readonly string[] = [...requestNames, 'user.id', 'http.route'];

export function eventOf(
  record: LogRecord,
  { release, environment, sendDefaultPii }: EventOptions,
): ErrorEvent {
  const { traceId, spanId, correlationId } = record.stamp;
  const fields = mergedFields(record);
  const text = (name: string): string | undefined => plainText(fields[name])?.slice(0, longestText);
  const extra = Object.keys(fields)
    .filter((name) => !placed.includes(name))
    .slice(0, mostExtra);
  const shape = record.error === undefined ? undefined : describeError(record.error);
  return {
    event_id: randomBytes(16).toString('hex'),
    timestamp: record.time / 1000,
    platform: 'node',
    level: levels[record.level as keyof typeof levels] ?? 'error',
    logger: redactText(record.logger),
    message: redactText(record.message).slice(0, longestText),
    release,
    environment,
    server_name: hostname(),
    transaction: text('http.route'),
    exception: shape && { values: valuesOf(shape, record) },
    breadcrumbs: record.breadcrumbs && { values: record.breadcrumbs().map(breadcrumbOf) },
    contexts: {
      ...(traceId !== undefined && spanId !== undefined && { trace: { trace_id: traceId, span_id: spanId } }),
      runtime: { name: 'node', version: process.version },
    },
    tags: correlationId === undefined ? {} : { correlation_id: correlationId },
    extra: Object.fromEntries(extra.flatMap((name) => [[name, text(name)] as const]).filter(isWhole)),
    ...personal(record, text('user.id'), sendDefaultPii),
    fingerprint: [fingerprintOf(record)],
    sdk: { name: 'sonde.javascript.node', version: VERSION },
  };
}

function isWhole(entry: readonly [string, string | undefined]): entry is readonly [string, string] {
  return entry[1] !== undefined;
}

/** The one that was thrown comes last, its causes before it. */
function valuesOf(shape: ErrorShape, { level }: LogRecord): ExceptionValue[] {
  const chain: ErrorShape[] = [];
  for (let link: ErrorShape | undefined = shape; link !== undefined; link = link.cause) chain.push(link);
  const handled = level !== 'FATAL';
  return chain.reverse().map(({ type, message, stack }) => ({
    type,
    value: message.slice(0, longestText),
    ...(stack !== undefined && { stacktrace: { frames: framesOf(stack) } }),
    mechanism: { type: handled ? 'logged' : 'onuncaughtexception', handled },
  }));
}

/** A line of the trail: time, level, logger, words. */
function breadcrumbOf(line: string): Breadcrumb {
  const [, timestamp, level, category, message = line] = /^(\S+) ([A-Z]+) (\S+) (.*)$/s.exec(line) ?? [];
  return { timestamp, level: levels[level as keyof typeof levels], category, message };
}

/** The id of the user is the app's own doing (`user`); address and headers are sent where somebody asked for them. */
function personal(
  record: LogRecord,
  id: string | undefined,
  sendDefaultPii: boolean,
): Pick<ErrorEvent, 'request' | 'user'> {
  const { ip, method, url, headers } = requestOf(record) ?? {};
  const address = sendDefaultPii ? ip : undefined;
  return {
    ...(url !== undefined && { request: { method, url, ...(sendDefaultPii && { headers }) } }),
    ...((id !== undefined || address !== undefined) && { user: { id, ip_address: address } }),
  };
}
