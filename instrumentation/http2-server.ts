/**
 * `node:http2` servers, with and without the compatibility API: the same span, duration, ids and records as for
 * HTTP/1.1. Every stream is one request; its events, and what they start, belong to it.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { activeContext, rootContext, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { exchangeKey } from './body-events.ts';
import { aborted } from './http-attributes.ts';
import { override } from './override.ts';
import { open, type ServerExchange } from './server-exchange.ts';
import { observeServers, type Server } from './server-observation.ts';

type Stream = ServerHttp2Stream & { [exchangeKey]?: ServerExchange };
/** A request of the compatibility API. */
type CompatRequest = { readonly stream?: Stream; [exchangeKey]?: ServerExchange };
type Emit = (this: EventEmitter, event: string | symbol, ...args: unknown[]) => boolean;
type Respond = (this: Stream, headers?: unknown, options?: unknown) => void;
type Http2 = Record<'createServer' | 'createSecureServer', () => object>;

export function http2Server(): Instrumentation {
  const undo: (() => void)[] = [];
  let server: Server | undefined;

  /** Streams come with the session of another request around them: what is ignored belongs to nobody. */
  function emitting(original: Emit): Emit {
    return function emit(event, ...args) {
      if (event === 'stream' && server !== undefined && !isGrpc(args[1] as IncomingHttpHeaders)) {
        const stream = args[0] as Stream;
        const exchange = begin(server, stream, args[1] as IncomingHttpHeaders);
        if (exchange?.isRejected) return reject(stream);
        return runIn(exchange?.context ?? rootContext, () => original.call(this, event, ...args));
      }
      if (event === 'request') adopt(args[0] as CompatRequest);
      return original.call(this, event, ...args);
    };
  }

  return {
    name: 'http2',
    modules: ['node:http2'],
    patch(exports: Http2, _specifier, sensors) {
      server = observeServers(sensors);
      // Both classes are hidden; a server that never listens shows each.
      for (const make of [exports.createServer, exports.createSecureServer]) {
        undo.push(override<Emit>(Object.getPrototypeOf(make()), 'emit', emitting));
      }
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
      server = undefined;
    },
  };
}

/** A call of gRPC is one of gRPC's instrumentations' to describe, though it comes as a POST. */
function isGrpc(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('application/grpc') ?? false;
}

function begin(server: Server, stream: Stream, headers: IncomingHttpHeaders): ServerExchange | undefined {
  const exchange = open(server, asRequest(stream, headers));
  if (exchange === undefined) return undefined;
  stream[exchangeKey] = exchange;
  override<Emit>(stream, 'emit', (original) => following(original, stream, exchange));
  override<Respond>(stream, 'respond', (original) => echoing(original, exchange));
  return exchange;
}

/** Answers in the app's stead: no listener hears of the request. */
function reject(stream: Stream): true {
  stream.respond({ ':status': 400, 'content-type': 'text/plain' });
  // What is still on its way has nobody to read it.
  stream.resume().end('Bad Request');
  return true;
}

/** As much of a request as is read of one. */
function asRequest(stream: Stream, headers: IncomingHttpHeaders): IncomingMessage {
  return {
    headers: { ...headers, host: headers.host ?? headers[':authority'] },
    method: headers[':method'],
    url: headers[':path'] ?? '*',
    httpVersion: '2',
    socket: stream.session?.socket,
  } as IncomingMessage;
}

/** Frameworks know the request that the compatibility API makes of a stream. */
function adopt(request: CompatRequest): void {
  const exchange = request.stream?.[exchangeKey];
  if (exchange === undefined) return;
  request[exchangeKey] = exchange;
  exchange.subject = request;
}

function following(original: Emit, stream: Stream, exchange: ServerExchange): Emit {
  return function emit(event, ...args) {
    if (event === 'close') end(stream, exchange);
    if (activeContext() === exchange.context) return original.call(this, event, ...args);
    return runIn(exchange.context, () => original.call(this, event, ...args));
  };
}

function end(stream: Stream, exchange: ServerExchange): void {
  const status = stream.sentHeaders?.[':status'];
  const isCut = stream.aborted || (stream.rstCode ?? 0) !== 0;
  exchange.end(status === undefined ? undefined : Number(status), isCut ? aborted : undefined);
}

/** The id of this unit of work, unless the app has set it; and its trace, where somebody asks for it. */
function echoing(original: Respond, exchange: ServerExchange): Respond {
  return function respond(headers, options) {
    const echo = exchange.echoHeader(headers ?? {});
    const { timing } = exchange;
    if (echo === undefined && timing === undefined) return original.call(this, headers, options);
    const added = { ...(echo && { [echo[0]]: echo[1] }), ...(timing && { 'server-timing': timing }) };
    return original.call(this, joined(headers, added), options);
  };
}

/** `Server-Timing` is a list: what the app says in it stays. */
function joined(headers: unknown, added: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(headers)) return [...headers, ...Object.entries(added).flat()];
  const own = (headers ?? {}) as Readonly<Record<string, unknown>>;
  const all = Object.entries(added).map(([name, value]) => {
    const [before] = Object.keys(own).filter((each) => each.toLowerCase() === name);
    return before === undefined ? [name, value] : [before, [own[before], value].flat()];
  });
  return { ...own, ...Object.fromEntries(all) };
}
