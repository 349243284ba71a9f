/** One request to a server, from its first byte to its end: its span, its context, its duration, its records. */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Attributes,
  type Context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { type Activity, newActivity } from '../src/context/activity.ts';
import { propagation } from '../src/context/propagation.ts';
import { RequestContext, type RpcMetadata } from '../src/context/request-context.ts';
import { formatTraceparent } from '../src/context/traceparent.ts';
import { seldom, timed } from '../src/overhead.ts';
import { giveAttributes } from '../src/traces/adopting.ts';
import { recordError } from '../src/traces/span-error.ts';
import { type Exchange, exchangeKey } from './body-events.ts';
import { carries, headerLine } from './header-text.ts';
import { aborted, errorTypeOf, methodOf, pathOf, spanNameOf } from './http-attributes.ts';
import { describe, requestView, schemeOf, sizesOf } from './http-request.ts';
import type { ServedRequest, SubjectView } from './served-request.ts';
import type { Server } from './server-observation.ts';

/** A request that may be observed. */
export type ServedByNode = IncomingMessage & { [exchangeKey]?: Exchange };
type Ending = Pick<ServedRequest, 'status' | 'route' | 'userId' | 'millis' | 'aborted'>;

const disallowedHost = 'DisallowedHost';
const kindOnly = { kind: SpanKind.SERVER };
/** Replaced as a whole when something is bound, so every request can begin with the same. */
const noAttributes = Object.freeze({});

const conclude = timed(seldom, (work: () => void) => work());

/** One request being served. */
export class ServerExchange implements Exchange {
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
  /** As it came: frameworks write into `request.url`. */
  private readonly target: string;
  private readonly activity: Activity;
  /** What a framework hands to its handlers for the request, and how to read it. */
  subject: unknown;
  view: SubjectView;
  /** What a handler threw, where a framework has told. */
  error: unknown;
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
    this.target = request.url as string;
    this.activity = newActivity();
    this.subject = request;
    this.view = requestView;
    this.error = undefined;
    this.ended = false;
    const { requestId } = incoming;
    const { activity } = this;
    const unit = new RequestContext(incoming.context, { id, requestId, attributes: noAttributes, activity });
    const isLookedAt = server.looks && trace.getSpanContext(unit) === undefined;
    const beginning = isLookedAt ? { ...kindOnly, attributes: this.known() } : kindOnly;
    this.span = server.tracer.startSpan(spanNameOf(this.method), beginning, unit);
    // Only what will be kept is worth describing.
    if (!isLookedAt && this.span.isRecording()) {
      giveAttributes(this.span, describe(request, server.isSecret));
      const captured = server.requestHeaders?.(request.headers);
      if (captured !== undefined) this.span.setAttributes(captured);
    }
    server.active(1, this.method, this.scheme);
    this.rpc = { type: 'http', span: this.span, route: undefined };
    unit.begin(this.rpc);
    this.context = unit;
  }

  private known(): Attributes {
    const { request, server } = this;
    return { ...describe(request, server.isSecret), ...server.requestHeaders?.(request.headers) };
  }

  checkHeaders(): void {
    const isForeign = this.server.records().checkHeaders(this.request, this.context);
    if (isForeign && this.server.rejectsHosts) this.activity.security = disallowedHost;
  }

  /** Whether the app is not to see the request. */
  get isRejected(): boolean {
    return this.activity.security === disallowedHost;
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
    const header = response.statusCode < 200 ? undefined : this.echoHeader(headers);
    return header === undefined ? '' : headerLine(...header);
  }

  /** The same as name and value; `undefined` when it is not to be sent. */
  echoHeader(headers: unknown): [name: string, value: string] | undefined {
    if (!this.server.echoes || carries(headers, this.echoName.toLowerCase())) return undefined;
    return [this.echoName, this.id];
  }

  /** One more line of a list: it stands beside those of the app. */
  timingLine(response: ServerResponse): string {
    const timing = response.statusCode < 200 ? undefined : this.timing;
    return timing === undefined ? '' : `Server-Timing: ${timing}\r\n`;
  }

  /** What `Server-Timing` tells of the trace, where somebody asks for it. */
  get timing(): string | undefined {
    if (!this.server.serverTiming) return undefined;
    const context = this.span.spanContext();
    return `traceparent;desc="${formatTraceparent(context, context.traceFlags)}"`;
  }

  /** The correlation id. */
  get id(): string {
    return this.correlationId ?? this.span.spanContext().traceId;
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
    conclude(() => this.conclude(status, cause));
  }

  private conclude(status: number | undefined, cause: string | undefined): void {
    const errorType = cause ?? (status !== undefined && status >= 500 ? String(status) : undefined);
    const route = this.rpc.route ?? this.view.routeOf(this.subject);
    this.error ??= this.view.errorOf?.(this.subject);
    if (this.span.isRecording()) {
      // First, since its class is no `error.type` here: that is the status, or how the request was cut.
      if (errorType !== undefined && this.error !== undefined) recordError(this.span, this.error);
      if (status !== undefined) this.span.setAttribute('http.response.status_code', status);
      if (route !== undefined) this.span.setAttribute('http.route', route);
      if (errorType !== undefined) this.span.setAttribute('error.type', errorType);
      if (route !== undefined) this.span.updateName(`${spanNameOf(this.method)} ${route}`);
      if (errorType !== undefined && this.error === undefined) {
        this.span.setStatus({ code: SpanStatusCode.ERROR });
      }
    }
    if (this.span.isRecording() && this.response !== undefined) this.describeResponse(this.response);
    const millis = performance.now() - this.startTime;
    this.server.active(-1, this.method, this.scheme);
    const records = this.server.records();
    const userId = records.userIdOf(this.subject, this.view);
    if (userId !== undefined && this.span.isRecording()) this.span.setAttribute('user.id', String(userId));
    this.span.end();
    this.measure(millis / 1000, status, errorType, route);
    records.write(this.asServed({ status, route, userId, millis, aborted: cause !== undefined }));
  }

  /** What only options ask for. */
  private describeResponse(response: ServerResponse): void {
    const { responseHeaders, bodySizes } = this.server;
    if (responseHeaders !== undefined) this.span.setAttributes(responseHeaders(response.getHeaders()));
    if (bodySizes) this.span.setAttributes(sizesOf(this.request, response));
  }

  private measure(
    seconds: number,
    status: number | undefined,
    errorType: string | undefined,
    route: string | undefined,
  ): void {
    const series = {
      method: methodOf(this.method),
      status,
      errorType,
      protocolVersion: this.request.httpVersion,
      place: this.scheme,
      part: route,
    };
    this.server.duration.record(series, seconds, this.context);
  }

  private asServed({ status, route, userId, millis, aborted }: Ending): ServedRequest {
    const { request, response, context, activity, method, error } = this;
    const rounded = Math.round(millis * 100) / 100;
    return {
      request,
      response,
      context,
      activity,
      method,
      path: pathOf(this.target),
      route,
      status,
      aborted,
      millis: rounded,
      userId,
      error,
    };
  }
}

/** The exchange of a request; none for ignored paths. */
export function open(
  server: Server,
  request: ServedByNode,
  response?: ServerResponse,
): ServerExchange | undefined {
  if (server.isIgnored(request.url as string)) return undefined;
  const exchange = new ServerExchange(server, request, response);
  request[exchangeKey] = exchange;
  exchange.checkHeaders();
  return exchange;
}
