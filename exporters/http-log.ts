/**
 * Records to a log service by HTTP (A40, A41): what Python's `HTTPHandler` does in the middle of a request, done in
 * batches behind a bounded queue.
 */
import { type BatchConfig, defaults, type OtlpTarget } from '../src/config/config.ts';
import { batchQueue } from '../src/delivery/batch-queue.ts';
import { createLosses, type Losses } from '../src/delivery/losses.ts';
import { type Attempt, type RetryPolicy, retryDefaults, retrying } from '../src/delivery/retry.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { SondeError } from '../src/errors.ts';
import type { Exporter } from '../src/exporter.ts';
import type { Destination } from '../src/logs/handler.ts';
import { type Format, jsonFormat } from '../src/logs/json-format.ts';
import type { LogRecord } from '../src/logs/record.ts';
import { VERSION } from '../src/version.ts';
import { atExit } from './at-exit.ts';
import { type Endpoint, openEndpoint, presentable, secretsOf } from './otlp/endpoint.ts';
import { httpTransport } from './otlp/http.ts';
import type { Transport } from './otlp/transport.ts';

export interface HttpLogDestinationOptions {
  /** Name or address, with `:port` where it is not the scheme's own: `logs.example.com`. */
  readonly host: string;
  /** Path and query: `/ingest`. */
  readonly url: string;
  /** `POST` by default. A body is what is sent, so that `GET` becomes `POST`, and is told once. */
  readonly method?: string;
  /** Whether it is https; false by default, as in Python. */
  readonly secure?: boolean;
  /** User and password, sent as Basic authorization. Wise with `secure` only. */
  readonly credentials?: readonly [user: string, password: string];
  /** More headers, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives one line of JSON without line break; the line of the `json` format by default. */
  readonly format?: Format;
  /** `none` by default: not every receiver unpacks. */
  readonly compression?: 'none' | 'gzip';
  /** Milliseconds for one attempt; 10,000 by default. */
  readonly timeoutMillis?: number;
  /** Sizes and times of the queue; 10,000 records, 512 a request, one second of waiting for company by default. */
  readonly batch?: Partial<BatchConfig>;
  /** Paces of the retry; those of OTLP by default: 1 s growing to 30 s with jitter, given up after 5 minutes. */
  readonly retry?: Partial<Omit<RetryPolicy, 'standby' | 'onAttempt'>>;
}

const contentType = 'application/x-ndjson';
const batchDefaults: BatchConfig = { ...defaults.logs.batch, maxQueueSize: 10_000 };

/**
 * Posts `application/x-ndjson`: one JSON object a line, at most 512 a request. Any 2xx has taken the batch; 429, 502,
 * 503, 504 and a connection that fails or hangs are tried again, one batch at a time, as `Retry-After` says or ever
 * slower: a service that is down is asked no more often than that. Any other answer drops the batch. `write` does no
 * work but queueing; a full queue refuses the newest. Everything is counted as `emitted.http_logs`,
 * `delivered.http_logs` and `dropped.http_logs.*`, and said once a minute at most. The traffic is not observed.
 *
 * @throws SondeError for a host, url or header that cannot be used
 * @example httpLogDestination({ host: 'logs.example.com', url: '/ingest', secure: true })
 */
export function httpLogDestination(options: HttpLogDestinationOptions): Destination {
  const target = targetOf(options);
  const endpoint = endpointOf(target);
  const losses = createLosses();
  const place = `log records to ${endpoint.origin}`;
  const policy = { ...retryDefaults, ...options.retry, onAttempt: outageWatch(endpoint.origin) };
  const transport = httpTransport(endpoint, target, contentType, methodOf(options.method));
  const exporter = lineExporter(
    endpoint.origin,
    transport,
    options.format ?? jsonFormat(),
    secretsOf(target),
  );
  const queue = batchQueue(
    retrying(exporter, policy),
    { ...batchDefaults, ...options.batch },
    { name: 'http_logs', losses: namedAfter(place, losses) },
  );
  let closed = false;
  let abandoned = false;

  /** Nothing is heard any more of the request that is under way, or of the batch that waits for its next one. */
  function abandon(): void {
    if (abandoned || queue.size === 0) return;
    abandoned = true;
    queue.abandon();
    diagnostics.count('dropped.http_logs.unanswered', queue.size);
    losses.add(place, queue.size, 'not answered before the end');
    losses.summary();
  }

  const stayAwake = atExit(abandon);

  return {
    write(record) {
      if (closed) throw new Error(`The log destination ${endpoint.origin} is closed.`);
      queue.add(record);
    },
    flush: () => queue.forceFlush(),
    flushSync: abandon,
    close() {
      if (closed) return;
      closed = true;
      stayAwake();
      void queue.shutdown();
    },
  };
}

function targetOf({ host, url, secure, credentials, ...options }: HttpLogDestinationOptions): OtlpTarget {
  const { headers = {}, compression = 'none', timeoutMillis = 10_000 } = options;
  if (host === '' || /[/\\?#@\s]/.test(host)) {
    throw wrong(`host "${host}": write name or name:port; \`secure\` chooses the scheme`);
  }
  const basic = credentials && `Basic ${Buffer.from(credentials.join(':')).toString('base64')}`;
  return {
    ...defaults.otlp.logs,
    endpoint: `${secure ? 'https' : 'http'}://${host}${url.startsWith('/') ? '' : '/'}${url}`,
    headers: {
      'user-agent': `Sonde-Log-Exporter-JavaScript/${VERSION}`,
      ...headers,
      ...(basic && { authorization: basic }),
    },
    compression,
    timeoutMillis,
  };
}

function endpointOf(target: OtlpTarget): Endpoint {
  const endpoint = openEndpoint(target);
  if (typeof endpoint !== 'string') return endpoint;
  throw wrong(endpoint.replace(' of OTEL_EXPORTER_OTLP_HEADERS', ''));
}

function methodOf(method = 'POST'): string {
  const name = method.toUpperCase();
  if (name !== 'GET') return name;
  diagnostics.warnOnce(
    'http-log.get',
    'SONDE_ERR_OPTION',
    'A GET carries no body: log records are posted instead.',
  );
  return 'POST';
}

function lineExporter(
  origin: string,
  transport: Transport,
  format: Format,
  secrets: readonly string[],
): Exporter<LogRecord> {
  /** A batch that is tried again is the same list: its text is made once. */
  const bodies = new WeakMap<readonly LogRecord[], Uint8Array>();

  function bodyOf(records: readonly LogRecord[]): Uint8Array {
    const body = bodies.get(records) ?? Buffer.from(records.map((record) => `${format(record)}\n`).join(''));
    bodies.set(records, body);
    return body;
  }

  return {
    name: `logs ${origin}`,
    async export(records): Promise<Attempt> {
      const { outcome, code, message = '', retryAfterMillis } = await transport.send(bodyOf(records));
      const reason = `${code ?? ''} ${presentable(message, secrets)}`.trim();
      return { outcome, code, retryAfterMillis, reason: outcome === 'ok' ? undefined : reason };
    },
    forceFlush: () => Promise.resolve(),
    async shutdown() {
      transport.close();
    },
  };
}

/** Says when a receiver cannot be reached, and when it is back: once for each outage. */
function outageWatch(origin: string): (attempt: Attempt) => boolean {
  let down = false;
  return ({ outcome, reason }) => {
    if (outcome === 'failed' && !down) {
      down = true;
      const text = `Log records cannot be posted to ${origin}: ${reason}. They wait in the queue.`;
      diagnostics.warn('SONDE_ERR_EXPORT', text);
    } else if (outcome === 'ok' && down) {
      down = false;
      diagnostics.info(`Log records are posted to ${origin} again.`);
    }
    return false;
  };
}

/** In the line about losses it is the place that tells them from those of other destinations. */
function namedAfter(place: string, losses: Losses): Losses {
  const add: Losses['add'] = (_name, ...rest) => losses.add(place, ...rest);
  return { ...losses, add };
}

function wrong(what: string): SondeError {
  return new SondeError('SONDE_ERR_OPTION', `Log records cannot be posted: ${what}.`);
}
