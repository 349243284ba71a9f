/**
 * `fetch` and the package `undici`, by the channels they publish. A span ends with the last byte of the response
 * or with its error, so a large body that nobody reads keeps it open until undici gives the connection up (when
 * the response is collected); a body that is cancelled ends it with `AbortError`. Measured on Node 22, 24 and 26.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import {
  type Attributes,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { countHttpCall } from '../src/context/activity.ts';
import { activeContext, enterContext } from '../src/context/context.ts';
import { propagation } from '../src/context/propagation.ts';
import { isSuppressed } from '../src/context/suppression.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { seldom, timed } from '../src/overhead.ts';
import { type IsSecret, redactUrl, secretTest } from '../src/processing/url.ts';
import { looksAtAttributes } from '../src/traces/sampling-rule.ts';
import { type ConnectionTimes, connectionTimes } from './connection-times.ts';
import { isForeignTelemetry } from './foreign-telemetry.ts';
import { headerCapture } from './header-capture.ts';
import { carries, headerLine } from './header-text.ts';
import {
  type Durations,
  durations,
  errorTypeOf,
  type HostPort,
  hostOf,
  methodOf,
  remember,
  spanNameOf,
} from './http-attributes.ts';
import { override } from './override.ts';
import { noteAnswer, resendCount } from './resends.ts';
import { patchUndiciPools } from './undici-pool.ts';

const exchangeKey: unique symbol = Symbol('sonde.fetch');

/** What undici publishes of a request. `headers` is a flat list; a text up to version 5. */
interface FetchRequest {
  [exchangeKey]?: FetchExchange;
  readonly origin: string | URL;
  readonly path: string;
  readonly method: string;
  readonly headers: readonly unknown[] | string;
  readonly upgrade?: unknown;
  addHeader(name: string, value: string): unknown;
}

type OnUpgrade = (this: unknown, ...args: unknown[]) => unknown;

type HeaderCapture = NonNullable<ReturnType<typeof headerCapture>>;

interface Client {
  readonly tracer: Tracer;
  readonly duration: Durations;
  /** Whether a span is to begin with what is known of its request: the sampler looks at it. */
  readonly looks: boolean;
  readonly isSecret: IsSecret;
  readonly requestHeaders: HeaderCapture | undefined;
  readonly responseHeaders: HeaderCapture | undefined;
}

const kindOnly = { kind: SpanKind.CLIENT };

/** Parts of `http://shop:8080`; the port is always known. */
const placeOf: (origin: string) => Required<HostPort> = remember(500, (origin) => {
  const bare = redactUrl(origin);
  const host = hostOf(bare.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, ''));
  return { address: host.address, port: host.port ?? (bare.startsWith('https') ? 443 : 80) };
});

class FetchExchange {
  /** Whose request it is. */
  readonly caller: Context;
  private readonly client: Client;
  private readonly request: FetchRequest;
  private readonly place: HostPort;
  private readonly span: Span;
  private readonly spanContext: Context;
  private readonly startTime: number;
  private readonly resendCount: number;
  private status: number | undefined;
  private ended: boolean;

  constructor(client: Client, request: FetchRequest, caller: Context) {
    this.startTime = performance.now();
    this.client = client;
    this.request = request;
    this.caller = caller;
    this.status = undefined;
    this.ended = false;
    this.place = placeOf(String(request.origin));
    this.resendCount = resendCount(caller, request.method, () => this.url);
    const isLookedAt = client.looks && trace.getSpanContext(caller) === undefined;
    const beginning = isLookedAt ? { ...kindOnly, attributes: this.describe() } : kindOnly;
    this.span = client.tracer.startSpan(spanNameOf(request.method), beginning, caller);
    this.spanContext = trace.setSpan(caller, this.span);
    if (!isLookedAt && this.span.isRecording()) this.span.setAttributes(this.describe());
    this.inject();
    if (request.upgrade || request.method === 'CONNECT') this.awaitHandshake();
  }

  private describe(): Attributes {
    const { request, place } = this;
    const attributes: Attributes = {
      'http.request.method': methodOf(request.method),
      'server.address': place.address,
      'server.port': place.port,
      'url.full': redactUrl(this.url, this.client.isSecret),
    };
    if (attributes['http.request.method'] !== request.method) {
      attributes['http.request.method_original'] = request.method;
    }
    if (this.resendCount > 0) attributes['http.request.resend_count'] = this.resendCount;
    const { requestHeaders } = this.client;
    if (requestHeaders === undefined || typeof request.headers === 'string') return attributes;
    return { ...attributes, ...requestHeaders(headersOf(request.headers)) };
  }

  private inject(): void {
    const { request } = this;
    const has = (lowerName: string) => isSet(request.headers, lowerName);
    propagation().injectRequest(this.place.address, this.spanContext, has, (name, value) => {
      if (headerLine(name, value) !== '') request.addHeader(name, value);
    });
  }

  /** No channel tells of a handshake; the request itself is called. The name is another one from version 8 on. */
  private awaitHandshake(): void {
    for (const name of ['onUpgrade', 'onRequestUpgrade']) {
      override(this.request, name, (original: OnUpgrade): OnUpgrade => {
        const exchange = this;
        return function onUpgrade(...args) {
          const status = args.find((arg) => typeof arg === 'number');
          if (status !== undefined) exchange.onHeaders(status);
          exchange.end(undefined);
          return original.apply(this, args);
        };
      });
    }
  }

  /** What has just been written to `socket`, whose opening took `times` if it was opened for this request. */
  onSent(socket: Socket, times: ConnectionTimes | undefined): void {
    if (!this.span.isRecording()) return;
    if (times !== undefined) this.span.setAttributes(times);
    if (socket.remoteAddress === undefined) return;
    this.span.setAttribute('network.peer.address', socket.remoteAddress);
    this.span.setAttribute('network.peer.port', socket.remotePort as number);
  }

  onHeaders(status: number, flat: readonly unknown[] = []): void {
    this.status = status;
    const headers = status >= 300 || this.client.responseHeaders !== undefined ? headersOf(flat) : undefined;
    if (status >= 300) this.noteAnswer(status, headers?.location);
    if (!this.span.isRecording()) return;
    this.span.setAttribute('http.response.status_code', status);
    if (headers !== undefined) this.span.setAttributes(this.client.responseHeaders?.(headers) ?? {});
  }

  private get url(): string {
    return `${this.request.origin}${this.request.path}`;
  }

  private noteAnswer(status?: number, location?: unknown): void {
    const { url, resendCount: count } = this;
    noteAnswer(this.caller, { method: this.request.method, url, resendCount: count }, status, location);
  }

  end(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    if (error !== undefined && this.status === undefined) this.noteAnswer();
    const errorType = this.errorType(error);
    if (errorType !== undefined && this.span.isRecording()) {
      this.span.setAttribute('error.type', errorType);
      const message = error instanceof Error ? error.message : undefined;
      this.span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    this.span.end();
    this.record(errorType);
  }

  private errorType(error: unknown): string | undefined {
    if (error !== undefined) return errorTypeOf(error);
    return this.status !== undefined && this.status >= 400 ? String(this.status) : undefined;
  }

  private record(errorType: string | undefined): void {
    const series = {
      method: methodOf(this.request.method),
      status: this.status,
      errorType,
      protocolVersion: undefined,
      place: this.place.address,
      part: this.place.port,
    };
    const millis = performance.now() - this.startTime;
    this.client.duration.record(series, millis / 1000, this.spanContext);
    countHttpCall(this.spanContext, millis);
  }
}

/** A flat list of names and values, as texts or as bytes. */
function headersOf(flat: readonly unknown[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = String(flat[at]).toLowerCase();
    const value = String(flat[at + 1]);
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}

function isSet(headers: readonly unknown[] | string, lowerName: string): boolean {
  if (typeof headers === 'string') return `\r\n${headers}`.toLowerCase().includes(`\r\n${lowerName}:`);
  return carries(headers, lowerName);
}

type Message = { readonly request: FetchRequest };

/**
 * What the socket brings is handed to the app right after it is told of here, on a pooled socket in the context of
 * the request that opened it; so the caller's is entered. Not on errors: those may come out of the app's own call.
 */
function returnToCaller(message: unknown): FetchExchange | undefined {
  const exchange = (message as Message).request[exchangeKey];
  if (exchange !== undefined) enterContext(exchange.caller);
  return exchange;
}

function onHeaders(message: unknown): void {
  const { response } = message as { response: { statusCode: number; headers?: readonly unknown[] } };
  returnToCaller(message)?.onHeaders(response.statusCode, response.headers);
}

function onTrailers(message: unknown): void {
  returnToCaller(message)?.end(undefined);
}

function onError(message: unknown): void {
  const { request, error } = message as Message & { error: unknown };
  request[exchangeKey]?.end(error ?? new Error('unknown'));
}

/** Sockets that undici opens, until the first request is sent on them. */
class OpeningSockets {
  readonly #times = new WeakMap<Socket, ConnectionTimes>();
  #isConnecting = false;

  /** The next socket of this turn is undici's: no channel of its own gives it before it is connected. */
  readonly onBeforeConnect = (): void => {
    this.#isConnecting = true;
  };

  readonly onSocket = (message: unknown): void => {
    if (!this.#isConnecting) return;
    this.#isConnecting = false;
    const { socket } = message as { socket: Socket };
    this.#times.set(socket, connectionTimes(socket));
  };

  readonly onSent = (message: unknown): void => {
    const { request, socket } = message as Message & { socket: Socket };
    const times = this.#times.get(socket);
    if (times !== undefined) this.#times.delete(socket);
    request[exchangeKey]?.onSent(socket, times);
  };
}

/** Observes `fetch` and `undici` by diagnostics channels; of the package only the pools are patched. */
export function fetchClient(): Instrumentation {
  const undo: (() => void)[] = [];
  let client: Client | undefined;

  function onCreate(message: unknown): void {
    const { request } = message as Message;
    const caller = activeContext();
    if (client === undefined || isSuppressed(caller) || isForeignTelemetry(request.path)) return;
    request[exchangeKey] = new FetchExchange(client, request, caller);
  }

  const opening = new OpeningSockets();

  const handlers = [
    ['undici:request:create', timed(seldom, onCreate)],
    ['undici:client:beforeConnect', opening.onBeforeConnect],
    // The first releases of Node.js 22 tell nothing here of TLS: the times of such a connection are not known then.
    ['net.client.socket', opening.onSocket],
    ['undici:client:sendHeaders', opening.onSent],
    ['undici:request:headers', timed(seldom, onHeaders)],
    ['undici:request:bodyChunkReceived', returnToCaller],
    ['undici:request:trailers', timed(seldom, onTrailers)],
    ['undici:request:error', onError],
  ] as const;

  return {
    name: 'undici',
    modules: ['undici'],
    enable({ tracer, meter, config }) {
      client = {
        tracer,
        duration: durations(meter, 'client', 'server.address', 'server.port'),
        looks: looksAtAttributes(config.traces),
        isSecret: secretTest(config.privacy.redactKeys),
        requestHeaders: headerCapture(config.http.headers.clientRequest, 'request'),
        responseHeaders: headerCapture(config.http.headers.clientResponse, 'response'),
      };
      for (const [channel, handler] of handlers) subscribe(channel, handler);
    },
    patch(exports) {
      undo.push(patchUndiciPools(exports));
    },
    disable() {
      for (const [channel, handler] of handlers) unsubscribe(channel, handler);
      for (const restore of undo.splice(0)) restore();
      client = undefined;
    },
  };
}
