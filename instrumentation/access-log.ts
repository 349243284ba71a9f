/** The access log: one record a request, which says what it was, how it ended and what it did on the way (A52, A53, A64). */
import type { AccessLogFormat, Config } from '../src/config/config.ts';
import type { Activity } from '../src/context/activity.ts';
import { stampOf } from '../src/context/correlation.ts';
import { type LevelName, severity } from '../src/logs/levels.ts';
import { emit } from '../src/logs/pipeline.ts';
import { now } from '../src/logs/time.ts';
import { nodeOf } from '../src/logs/tree.ts';
import { redactUrl } from '../src/processing/url.ts';
import { ignored } from './http-request.ts';
import { otherAccessLog } from './other-access-log.ts';
import type { ServedRequest } from './served-request.ts';

type Fields = Record<string, unknown>;

/** A record's words: its message and its own fields. */
interface Words {
  readonly message: string;
  readonly fields: Fields;
}

/** Writes the records of `config.accessLog`; `undefined` where there are none. */
export function accessLog({
  accessLog: { mode, level, format, ignore },
  surroundings,
}: Config): ((served: ServedRequest) => void) | undefined {
  if (mode === 'off') return undefined;
  const isIgnored = ignored(ignore);
  const words = formats[format];
  const node = nodeOf(format === 'django' && surroundings.development ? 'sonde.server' : 'access');
  return (served) => {
    const word: LevelName = level === 'by-status' ? levelBy(served.status) : 'INFO';
    const severityNumber = severity[word];
    if (severityNumber < node.threshold || (mode === 'errors' && !isError(served))) return;
    if (isIgnored(served.path) || otherAccessLog(served)) return;
    const { context } = served;
    const stamp = stampOf(context);
    const { message, fields } = words(served, stamp.attributes?.['user.id']);
    emit({
      time: now(),
      level: word,
      severityNumber,
      logger: node.name,
      message,
      fields: withActivity(fields, served),
      bound: undefined,
      stamp,
      context,
    });
  };
}

function levelBy(status: number | undefined): LevelName {
  if (status === undefined || status < 400) return 'INFO';
  return status < 500 ? 'WARN' : 'ERROR';
}

function isError({ status, aborted }: ServedRequest): boolean {
  return aborted || (status !== undefined && status >= 400);
}

/** `bound` is the user as the app has named it by `addContext`: on every record of the request already. */
type Wording = (served: ServedRequest, bound: unknown) => Words;

const formats: Readonly<Record<AccessLogFormat, Wording>> = {
  semconv: (served, bound) => ({ message: lineOf(served), fields: standardFields(served, bound) }),
  json: (served, bound) => ({ message: lineOf(served), fields: shortFields(served, bound, 'status') }),
  django: (served, bound) => ({
    message: 'HTTP request',
    fields: shortFields(served, bound, 'status_code'),
  }),
  kv: (served, bound) => ({ message: keyValueLine(served, bound), fields: standardFields(served, bound) }),
  combined: (served, bound) => ({
    message: combinedLine(served, bound),
    fields: standardFields(served, bound),
  }),
};

/** `GET /orders/42 200`. */
function lineOf({ method, path, status, aborted }: ServedRequest): string {
  return `${method} ${path} ${status ?? '-'}${aborted ? ' aborted' : ''}`;
}

function standardFields(served: ServedRequest, bound: unknown): Fields {
  const { method, path, route, status, millis, userId } = served;
  const fields: Fields = { 'http.request.method': method, 'url.path': path };
  if (route !== undefined) fields['http.route'] = route;
  if (status !== undefined) fields['http.response.status_code'] = status;
  fields.duration_ms = millis;
  if (userId !== undefined && bound === undefined) fields['user.id'] = String(userId);
  return fields;
}

/** Names as people write them by hand (A52, A53). */
function shortFields(served: ServedRequest, bound: unknown, statusName: string): Fields {
  const { method, path, route, status, millis, userId } = served;
  const user = bound ?? userId;
  const fields: Fields = { method, path };
  if (route !== undefined) fields.route = route;
  if (status !== undefined) fields[statusName] = status;
  fields.duration_ms = millis;
  if (user !== undefined) fields.user_id = user;
  return fields;
}

/** `method=%s path=%s status=%s duration_ms=%.2f user_id=%s` (A53). */
function keyValueLine(served: ServedRequest, bound: unknown): string {
  const { method, path, status, millis, userId, aborted } = served;
  const user = oneWord(bound ?? userId ?? '-');
  const line = `method=${method} path=${oneWord(path)} status=${status ?? '-'} duration_ms=${millis.toFixed(2)} user_id=${user}`;
  return aborted ? `${line} aborted=true` : line;
}

/** A value with a space in it could speak for the next one. */
function oneWord(value: unknown): string {
  return String(value).replace(/\s/g, encodeURIComponent);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Apache's `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"` without queries, in UTC. */
function combinedLine(served: ServedRequest, bound: unknown): string {
  const { request, response, method, path, status, userId } = served;
  const { headers, httpVersion, socket } = request;
  const peer = `${socket.remoteAddress ?? '-'} - ${oneWord(bound ?? userId ?? '-')}`;
  const target = escaped(`${method} ${path} HTTP/${httpVersion}`);
  const size = response?.getHeader('content-length') ?? '-';
  const referer = escaped(withoutQuery(redactUrl(headers.referer ?? '-')));
  const agent = escaped(headers['user-agent'] ?? '-');
  return `${peer} [${apacheTime(new Date())}] "${target}" ${status ?? '-'} ${size} "${referer}" "${agent}"`;
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '');
}

function escaped(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}

function apacheTime(date: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

function withActivity(fields: Fields, { aborted, activity }: ServedRequest): Fields {
  if (aborted) fields.aborted = true;
  addActivity(fields, activity);
  return activity.notes === undefined ? fields : { ...activity.notes, ...fields };
}

/** What did not happen is left out. */
function addActivity(fields: Fields, activity: Activity): void {
  if (activity.dbCalls > 0) {
    fields['db.calls'] = activity.dbCalls;
    fields['db.duration_ms'] = rounded(activity.dbMillis);
  }
  if (activity.httpCalls > 0) {
    fields['http.client.calls'] = activity.httpCalls;
    fields['http.client.duration_ms'] = rounded(activity.httpMillis);
  }
  if (activity.cacheHits + activity.cacheMisses > 0) {
    fields['cache.hits'] = activity.cacheHits;
    fields['cache.misses'] = activity.cacheMisses;
  }
}

function rounded(millis: number): number {
  return Math.round(millis * 100) / 100;
}
