/** What HTTP spans and metrics say, by the stable semantic conventions, for server, client and fetch alike. */
import type { Attributes, Context, Histogram, Meter } from '@opentelemetry/api';
import { type BoundRecorder, boundTo } from '../src/metrics/bound.ts';
import type { IsSecret } from '../src/processing/url.ts';
import { redactQuery } from '../src/processing/url.ts';

/** RFC 9110, PATCH (RFC 5789) and QUERY: the methods that may name a span. */
const knownMethods: ReadonlySet<string> = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY',
  'TRACE',
]);

/** `http.request.method`: bounded, whatever is sent. */
export function methodOf(method: string): string {
  return knownMethods.has(method) ? method : '_OTHER';
}

/** The span name's first word. */
export function spanNameOf(method: string): string {
  return knownMethods.has(method) ? method : 'HTTP';
}

/** Remembers what `make` gave, for at most `limit` keys; a flood of new keys starts it afresh. */
export function remember<V>(limit: number, make: (key: string) => V): (key: string) => V {
  const known = new Map<string, V>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      if (known.size >= limit) known.clear();
      value = make(key);
      known.set(key, value);
    }
    return value;
  };
}

/** A host and its port, as `Host` headers and URLs write them; no port where none is written. */
export interface HostPort {
  readonly address: string;
  readonly port: number | undefined;
}

const hostPattern = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/;

/** Parts of `shop:8080`, `[::1]:8080`, `10.0.0.1`, `::1`; brackets go. Remembered, since hosts repeat. */
export const hostOf: (host: string) => HostPort = remember(500, (host) => {
  const parts = hostPattern.exec(host);
  if (parts === null) return { address: host, port: undefined };
  const port = Number(parts[3]);
  return { address: parts[1] ?? parts[2] ?? '', port: port > 0 ? port : undefined };
});

/** The path of a request target in origin or absolute form, without its query. */
export function pathOf(target: string): string {
  const start = startOfPath(target);
  const end = target.indexOf('?', start);
  return (end === -1 ? target.slice(start) : target.slice(start, end)) || '/';
}

function startOfPath(target: string): number {
  if (target.charCodeAt(0) === 47) return 0;
  const scheme = target.indexOf('://');
  if (scheme === -1) return 0;
  const slash = target.indexOf('/', scheme + 3);
  return slash === -1 ? target.length : slash;
}

/** The query without `?` and without secrets; `undefined` when there is none. */
export function queryOf(target: string, isSecret: IsSecret): string | undefined {
  const mark = target.indexOf('?');
  return mark === -1 || mark === target.length - 1
    ? undefined
    : redactQuery(target.slice(mark + 1), isSecret);
}

/** `error.type` of an error: its code where Node gives one, else its class. */
export function errorTypeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '_OTHER';
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && code !== '') return code;
  return typeof name === 'string' && name !== '' ? name : '_OTHER';
}

/** `error.type` of an exchange whose body or response never came to its end. */
export const aborted = 'aborted';

const boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** What tells the series of a duration apart. Absent values are left out. */
export interface Series {
  readonly method: string;
  readonly status: number | undefined;
  readonly errorType: string | undefined;
  readonly protocolVersion: string | undefined;
  /** Server: scheme. Client: host. */
  readonly place: string;
  /** Server: route. Client: port. */
  readonly part: string | number | undefined;
}

/** `http.server.request.duration` or `http.client.request.duration`, series by series. */
export interface Durations {
  record(series: Series, seconds: number, context: Context): void;
}

interface KnownSeries extends Series {
  readonly bound: BoundRecorder;
}

const maxSeries = 2000;

/**
 * One handle per series, made once: a duration costs a look-up, not an allocation. Looked up by `part` (a route, a
 * port), then among the few of it. The names are those of `place` and `part`.
 */
export function durations(
  meter: Meter,
  side: 'server' | 'client',
  placeName: string,
  partName: string,
): Durations {
  const known = new Map<Series['part'], KnownSeries[]>();
  let size = 0;
  let histogram: Histogram | undefined;

  function add(series: Series): BoundRecorder {
    if (size >= maxSeries) known.clear();
    size = size >= maxSeries ? 1 : size + 1;
    histogram ??= durationHistogram(meter, side);
    const bound = boundTo(histogram, describeSeries(series, placeName, partName));
    const entry = { ...series, bound };
    const entries = known.get(series.part);
    if (entries === undefined) known.set(series.part, [entry]);
    else entries.push(entry);
    return bound;
  }

  function boundOf(series: Series): BoundRecorder {
    const entries = known.get(series.part);
    if (entries !== undefined) for (const entry of entries) if (isSame(entry, series)) return entry.bound;
    return add(series);
  }

  return { record: (series, seconds, context) => boundOf(series).record(seconds, context) };
}

/** With the convention's buckets. */
function durationHistogram(meter: Meter, side: 'server' | 'client'): Histogram {
  return meter.createHistogram(`http.${side}.request.duration`, {
    description: `Duration of HTTP ${side} requests.`,
    unit: 's',
    advice: { explicitBucketBoundaries: boundaries },
  });
}

function isSame(a: Series, b: Series): boolean {
  return (
    a.status === b.status &&
    a.method === b.method &&
    a.errorType === b.errorType &&
    a.place === b.place &&
    a.protocolVersion === b.protocolVersion
  );
}

function describeSeries(series: Series, placeName: string, partName: string): Attributes {
  const { method, status, errorType, protocolVersion, place, part } = series;
  const attributes: Attributes = { 'http.request.method': method, [placeName]: place };
  if (part !== undefined) attributes[partName] = part;
  if (status !== undefined) attributes['http.response.status_code'] = status;
  if (errorType !== undefined) attributes['error.type'] = errorType;
  if (protocolVersion !== undefined) attributes['network.protocol.version'] = protocolVersion;
  return attributes;
}
