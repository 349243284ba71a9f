/** `node:http` and `node:https` servers: one span and one duration a request, its ids in everything it starts. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Attributes,
  type Context,
  type Histogram,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api';
import { enterContext, rootContext } from '../src/context/context.ts';
import { propagation } from '../src/context/propagation.ts';
import { RequestContext, type RpcMetadata } from '../src/context/request-context.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { type IsSecret, secretTest } from '../src/processing/url.ts';
import { type Exchange, exchangeKey, watchMessages } from './body-events.ts';
import { addHeaderLines, carries, headerLine } from './header-text.ts';
import {
  aborted,
  durationHistogram,
  errorTypeOf,
  methodOf,
  type Series,
  seriesAttributes,
  spanNameOf,
} from './http-attributes.ts';
import { describe, ignored, type RoutedRequest, routeOf, schemeOf } from './http-request.ts';
import { handshakes } from './http-upgrade.ts';
import { override } from './override.ts';

type ServedRequest = RoutedRequest & { [exchangeKey]?: Exchange };

type Destroy = (this: ServerResponse, error?: Error) => ServerResponse;

/** Everything about one server's observation that does not change from request to request. */
interface Server {
  readonly tracer: Tracer;
  readonly duration: Histogram;
  readonly attributesOf: (series: Series) => Attributes;
  readonly isIgnored: (target: string) => boolean;
  readonly isSecret: IsSecret;
  readonly echoes: boolean;
}

const kindOnly = { kind: SpanKind.SERVER };
/** Replaced as a whole when something is bound, so every request can begin with the same. */
const noAttributes = Object.freeze({});

/** One request being served. */
class ServerExchange implements Exchange {
  readonly context: Context;
  /** Where `http.route` is left, once a framework knows it. */
  readonly rpc: RpcMetadata;
  private readonly span: Span;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse | undefined;
  private readonly server: Server;
  private readonly method: string;
  private readonly scheme: 'http' | 'https';
  private readonly startTime: number;
  private readonly correlationId: string | undefined;
  private readonly echoName: string;
  private ended: boolean;

  constructor(server: Server, request: IncomingMessage, response: ServerResponse | undefined) {
    const incoming = propagation().extractRequest(request.headers);
    const id = incoming.correlationId ?? propagation().newCorrelationId();
    this.startTime = performance.now();
    this.server = server;
    this.request = request;
    this.response = response;
    this.method = request.method as string;
    this.scheme = schemeOf(request.socket);
    this.correlationId = id;
    this.echoName = incoming.headerName ?? propagation().correlationHeader;
    this.ended = false;
    const { requestId } = incoming;
    const unit = new RequestContext(incoming.context, { id, requestId, attributes: noAttributes });
    this.span = server.tracer.startSpan(spanNameOf(this.method), kindOnly, unit);
    // Only what will be kept is worth describing; one call costs less than the same in `startSpan` (measured).
    if (this.span.isRecording()) this.span.setAttributes(describe(request, server.isSecret));
    this.rpc = { type: 'http', span: this.span, route: undefined };
    unit.begin(this.rpc);
    this.context = unit;
  }

  onEvent(message: EventEmitter, event: string | symbol): void {
    if (message === this.request) {
      // Node 22 tells a queued, pipelined response nothing when its socket is cut.
      if (event === 'aborted' && this.response) this.abort(this.response);
    } else if (event === 'finish') this.finish(message as ServerResponse, undefined);
    else if (event === 'close') this.abort(message as ServerResponse);
  }

  /** The line that tells the caller the id of this unit of work; empty when the app has set it, or on 1xx. */
  echoLine(response: ServerResponse, headers: unknown): string {
    if (!this.server.echoes || response.statusCode < 200) return '';
    if (carries(headers, this.echoName.toLowerCase())) return '';
    const id = this.correlationId ?? this.span.spanContext().traceId;
    return headerLine(this.echoName, id);
  }

  /** The response is not going to be finished any more, if it has not been. */
  abort(response: ServerResponse): void {
    if (this.ended) return;
    const cause = response.errored ? errorTypeOf(response.errored) : aborted;
    this.finish(response, cause === 'ECONNRESET' ? aborted : cause);
  }

  /** Before the first byte of the response its status is not known, only assumed. */
  finish(response: ServerResponse, cause: string | undefined): void {
    const status = cause === undefined || response.headersSent ? response.statusCode : undefined;
    this.end(status, cause);
  }

  end(status: number | undefined, cause: string | undefined): void {
    if (this.ended) return;
    this.ended = true;
    const errorType = cause ?? (status !== undefined && status >= 500 ? String(status) : undefined);
    const route = this.rpc.route ?? routeOf(this.request);
    if (this.span.isRecording()) {
      const outcome: Attributes = {};
      if (status !== undefined) outcome['http.response.status_code'] = status;
      if (route !== undefined) outcome['http.route'] = route;
      if (errorType !== undefined) outcome['error.type'] = errorType;
      this.span.setAttributes(outcome);
      if (route !== undefined) this.span.updateName(`${spanNameOf(this.method)} ${route}`);
      if (errorType !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.span.end();
    this.record(status, errorType, route);
  }

  private record(status: number | undefined, errorType: string | undefined, route: string | undefined): void {
    const attributes = this.server.attributesOf({
      method: methodOf(this.method),
      status,
      errorType,
      protocolVersion: this.request.httpVersion,
      place: this.scheme,
      part: route,
    });
    this.server.duration.record((performance.now() - this.startTime) / 1000, attributes, this.context);
  }
}

/** For framework plugs: the route (`/orders/:id`) that this request is served by. */
export function setRoute(request: IncomingMessage, route: string): void {
  const exchange = (request as ServedRequest)[exchangeKey];
  if (exchange instanceof ServerExchange) exchange.rpc.route = route;
}

function observeServers({ config, tracer, meter }: Sensors): Server {
  return {
    tracer,
    duration: durationHistogram(meter, 'server'),
    attributesOf: seriesAttributes('url.scheme', 'http.route'),
    isIgnored: ignored(config.http.ignorePaths),
    isSecret: secretTest(config.privacy.redactKeys),
    echoes: config.correlation.echo,
  };
}

/** What `_storeHeader` asks for each response. */
function echo(response: ServerResponse, headers: unknown): string {
  const exchange = (response.req as ServedRequest | undefined)?.[exchangeKey];
  return exchange instanceof ServerExchange ? exchange.echoLine(response, headers) : '';
}

/** A pipelined response that never got the socket is destroyed without an event. */
function abortsQueued(prototype: ServerResponse): () => void {
  return override(prototype, 'destroy', (original: Destroy): Destroy => {
    return function destroy(error) {
      const exchange = (this.req as ServedRequest | undefined)?.[exchangeKey];
      const result = original.call(this, error);
      if (this.socket === null && exchange instanceof ServerExchange) exchange.abort(this);
      return result;
    };
  });
}

/** The exchange of a request; none for ignored paths. */
function open(server: Server, request: ServedRequest, response?: ServerResponse): ServerExchange | undefined {
  if (server.isIgnored(request.url as string)) return undefined;
  const exchange = new ServerExchange(server, request, response);
  request[exchangeKey] = exchange;
  return exchange;
}

/** Observes every HTTP server of the process by diagnostics channels (rows A26 to A30). */
export function httpServer(): Instrumentation {
  const undo: (() => void)[] = [];
  let server: Server | undefined;
  let armed = false;

  function arm(): void {
    if (armed || server === undefined) return;
    armed = true;
    const { ServerResponse } = process.getBuiltinModule('node:http');
    undo.push(
      watchMessages(),
      addHeaderLines(ServerResponse.prototype, echo),
      abortsQueued(ServerResponse.prototype),
    );
  }

  function onRequestStart(message: unknown): void {
    const { request, response } = message as { request: ServedRequest; response: ServerResponse };
    arm();
    const exchange = open(server as Server, request, response);
    // An ignored request must not find the context of the one before it on the same socket.
    enterContext(exchange?.context ?? rootContext);
  }

  return {
    name: 'http',
    modules: ['node:http', 'node:https'],
    enable(sensors) {
      server = observeServers(sensors);
      subscribe('http.server.request.start', onRequestStart);
    },
    patch(exports) {
      arm();
      undo.push(handshakes(exports.Server.prototype, (request) => server && open(server, request)));
    },
    disable() {
      unsubscribe('http.server.request.start', onRequestStart);
      for (const step of undo.splice(0)) step();
      server = undefined;
      armed = false;
    },
  };
}
