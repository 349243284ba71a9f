/** `node:http` and `node:https` clients: one span and one duration a request, and the caller's ids on their way. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import {
  type Attributes,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { lambdaVariables } from '../src/config/env.ts';
import { countHttpCall } from '../src/context/activity.ts';
import { activeContext } from '../src/context/context.ts';
import { propagation } from '../src/context/propagation.ts';
import { isSuppressed } from '../src/context/suppression.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { seldom, timed } from '../src/overhead.ts';
import { type IsSecret, redactUrl, secretTest } from '../src/processing/url.ts';
import { looksAtAttributes } from '../src/traces/sampling-rule.ts';
import { type Exchange, exchangeKey, watchMessages } from './body-events.ts';
import { watchConnection } from './connection-times.ts';
import { isForeignTelemetry } from './foreign-telemetry.ts';
import { headerCapture } from './header-capture.ts';
import { addHeaderLines, carries, headerLine } from './header-text.ts';
import {
  aborted,
  type Durations,
  durations,
  errorTypeOf,
  hostOf,
  methodOf,
  spanNameOf,
} from './http-attributes.ts';
import { noteAnswer, resendCount } from './resends.ts';

type Response = IncomingMessage & { readonly upgrade?: boolean | null };
type ObservedRequest = ClientRequest & { [exchangeKey]?: Exchange; res?: Response | null };

type HeaderCapture = NonNullable<ReturnType<typeof headerCapture>>;

/** Everything about the observation of clients that does not change from request to request. */
interface Client {
  readonly tracer: Tracer;
  readonly duration: Durations;
  /** Whether a span is to begin with what is known of its request: the sampler looks at it. */
  readonly looks: boolean;
  readonly isSecret: IsSecret;
  readonly requestHeaders: HeaderCapture | undefined;
  readonly responseHeaders: HeaderCapture | undefined;
  /** `host:port`; in AWS Lambda only. */
  readonly runtimeApi: string | undefined;
}

const kindOnly = { kind: SpanKind.CLIENT };

/** One request on its way. Its events run in the caller's context, whoever opened the socket. */
class ClientExchange implements Exchange {
  readonly context: Context;
  private readonly client: Client;
  private readonly request: ObservedRequest;
  private readonly span: Span;
  private readonly spanContext: Context;
  private readonly startTime: number;
  private port: number | undefined;
  private readonly resendCount: number;
  private error: unknown;
  private ended: boolean;

  constructor(client: Client, request: ObservedRequest, caller: Context) {
    this.startTime = performance.now();
    this.client = client;
    this.request = request;
    this.context = caller;
    this.error = undefined;
    this.ended = false;
    this.port = portOf(request);
    this.resendCount = resendCount(caller, request.method, () => fullUrl(request, this.port));
    const isLookedAt = client.looks && trace.getSpanContext(caller) === undefined;
    const beginning = isLookedAt ? { ...kindOnly, attributes: this.describe() } : kindOnly;
    this.span = client.tracer.startSpan(spanNameOf(request.method), beginning, caller);
    this.spanContext = trace.setSpan(caller, this.span);
    if (!isLookedAt && this.span.isRecording()) this.span.setAttributes(this.describe());
  }

  onEvent(message: EventEmitter, event: string | symbol): void {
    if (event === 'socket' && this.request.socket) watchConnection(this.request.socket, this.span);
    if (event === 'close' ? message === this.request : event === 'end' && message !== this.request)
      this.end();
  }

  /** What this request carries onward, as header lines. */
  headerLines(headers: unknown): string {
    let lines = '';
    const has = (lowerName: string) => carries(headers, lowerName);
    propagation().injectRequest(this.request.host, this.spanContext, has, (name, value) => {
      lines += headerLine(name, value);
    });
    return lines;
  }

  fail(error: unknown): void {
    if (this.error === undefined && !this.request.res) this.noteAnswer();
    this.error ??= error;
  }

  onResponse(response: IncomingMessage): void {
    const { socket } = response;
    this.port ??= socket.remotePort;
    this.noteAnswer(response.statusCode, response.headers.location);
    if (!this.span.isRecording()) return;
    this.span.setAttribute('http.response.status_code', response.statusCode as number);
    this.span.setAttribute('network.protocol.version', response.httpVersion);
    const captured = this.client.responseHeaders?.(response.headers);
    if (captured !== undefined) this.span.setAttributes(captured);
    if (socket.remoteAddress === undefined) return;
    this.span.setAttribute('network.peer.address', socket.remoteAddress);
    this.span.setAttribute('network.peer.port', socket.remotePort as number);
  }

  private noteAnswer(status?: number, location?: string): void {
    const { request, port, resendCount: count } = this;
    if (status !== undefined && status < 300) return;
    const sent = { method: request.method, url: fullUrl(request, port), resendCount: count };
    noteAnswer(this.context, sent, status, location);
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    const response = this.request.res ?? undefined;
    // A switch of protocols is told by no channel.
    if (response?.upgrade) this.onResponse(response);
    const status = response?.statusCode;
    const errorType = this.errorType(response);
    if (errorType !== undefined && this.span.isRecording()) {
      this.span.setAttribute('error.type', errorType);
      this.span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(this.error) });
    }
    this.span.end();
    this.record(response, status, errorType);
  }

  private errorType(response: Response | undefined): string | undefined {
    if (this.error !== undefined) return errorTypeOf(this.error);
    if (response === undefined || (!response.complete && !response.upgrade)) return aborted;
    const status = response.statusCode as number;
    return status >= 400 ? String(status) : undefined;
  }

  private record(
    response: IncomingMessage | undefined,
    status: number | undefined,
    errorType: string | undefined,
  ): void {
    const series = {
      method: methodOf(this.request.method),
      status,
      errorType,
      protocolVersion: response?.httpVersion,
      place: this.request.host,
      part: this.port ?? defaultPort(this.request),
    };
    const millis = performance.now() - this.startTime;
    this.client.duration.record(series, millis / 1000, this.spanContext);
    countHttpCall(this.spanContext, millis);
  }

  private describe(): Attributes {
    const { request, port } = this;
    const method = methodOf(request.method);
    const attributes: Attributes = {
      'http.request.method': method,
      'server.address': request.host,
      'server.port': port ?? defaultPort(request),
      'url.full': redactUrl(fullUrl(request, port), this.client.isSecret),
    };
    if (method !== request.method) attributes['http.request.method_original'] = request.method;
    if (this.resendCount > 0) attributes['http.request.resend_count'] = this.resendCount;
    const { requestHeaders } = this.client;
    return requestHeaders === undefined
      ? attributes
      : { ...attributes, ...requestHeaders(request.getHeaders()) };
  }
}

function messageOf(error: unknown): string | undefined {
  return error instanceof Error ? error.message : undefined;
}

function defaultPort(request: ClientRequest): number {
  return request.protocol === 'https:' ? 443 : 80;
}

/** Node keeps the port in the `Host` header only; one that the app wrote may name another host. */
function portOf(request: ClientRequest): number | undefined {
  const host = request.getHeader('host');
  if (typeof host !== 'string') return undefined;
  const { address, port } = hostOf(host);
  return address === request.host ? (port ?? defaultPort(request)) : undefined;
}

function fullUrl(request: ClientRequest, port: number | undefined): string {
  const { path, protocol } = request;
  // What goes through a proxy has the whole URL for its path.
  if (path.charCodeAt(0) !== 47) return path.includes('://') ? path : `${protocol}//${path}`;
  const host = request.host.includes(':') ? `[${request.host}]` : request.host;
  const written = port === undefined || port === defaultPort(request) ? host : `${host}:${port}`;
  return `${protocol}//${written}${path}`;
}

/** Lambda's runtime asks for its next call for minutes, and answers in nobody's name. */
function isForRuntime({ runtimeApi }: Client, request: ClientRequest): boolean {
  return runtimeApi !== undefined && request.getHeader('host') === runtimeApi;
}

/** Telemetry's own requests, Sonde's and others', so that whoever ends one elsewhere does not bring it to light. */
const unobserved = new WeakSet<ClientRequest>();

function open(client: Client, request: ObservedRequest): ClientExchange | undefined {
  const known = request[exchangeKey];
  if (known !== undefined) return known as ClientExchange;
  if (unobserved.has(request)) return undefined;
  const caller = activeContext();
  if (isSuppressed(caller) || isForRuntime(client, request) || isForeignTelemetry(request.path)) {
    unobserved.add(request);
    return undefined;
  }
  const exchange = new ClientExchange(client, request, caller);
  request[exchangeKey] = exchange;
  return exchange;
}

function exchangeOf(message: unknown): ClientExchange | undefined {
  return (message as { request: ObservedRequest }).request[exchangeKey] as ClientExchange | undefined;
}

function onError(message: unknown): void {
  exchangeOf(message)?.fail((message as { error: unknown }).error);
}

const onResponse = timed(seldom, (message: unknown): void => {
  exchangeOf(message)?.onResponse((message as { response: IncomingMessage }).response);
});

/** Observes every HTTP client of the process by diagnostics channels. Switched as `http`. */
export function httpClient(): Instrumentation {
  const undo: (() => void)[] = [];
  let client: Client | undefined;
  let armed = false;

  /** Array headers are rendered inside the constructor, before `created`: whichever is first opens the exchange. */
  function addLines(request: ObservedRequest, headers: unknown): string {
    return (client && open(client, request)?.headerLines(headers)) ?? '';
  }

  function arm(): void {
    if (armed) return;
    armed = true;
    const { ClientRequest } = process.getBuiltinModule('node:http');
    undo.push(watchMessages(), addHeaderLines(ClientRequest.prototype, addLines));
  }

  const onCreated = timed(seldom, (message: unknown): void => {
    arm();
    if (client) open(client, (message as { request: ObservedRequest }).request);
  });

  return {
    name: 'http-client',
    modules: ['node:http', 'node:https'],
    enable({ tracer, meter, config }: Sensors) {
      client = {
        tracer,
        duration: durations(meter, 'client', 'server.address', 'server.port'),
        looks: looksAtAttributes(config.traces),
        isSecret: secretTest(config.privacy.redactKeys),
        requestHeaders: headerCapture(config.http.headers.clientRequest, 'request'),
        responseHeaders: headerCapture(config.http.headers.clientResponse, 'response'),
        runtimeApi: lambdaVariables()?.runtimeApi,
      };
      subscribe('http.client.request.created', onCreated);
      subscribe('http.client.request.error', onError);
      subscribe('http.client.response.finish', onResponse);
    },
    patch: arm,
    disable() {
      unsubscribe('http.client.request.created', onCreated);
      unsubscribe('http.client.request.error', onError);
      unsubscribe('http.client.response.finish', onResponse);
      for (const step of undo.splice(0)) step();
      client = undefined;
      armed = false;
    },
  };
}
