/** What is read from a request to a server: its description, its route, and whether it is to be seen at all. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Attributes } from '@opentelemetry/api';
import type { IsSecret } from '../src/processing/url.ts';
import { hostOf, methodOf, pathOf, queryOf } from './http-attributes.ts';
import type { SubjectView } from './served-request.ts';

/** Express: the route that matched, and where its router is mounted. */
type RoutedRequest = IncomingMessage & { route?: { path?: unknown }; baseUrl?: unknown };

const mounts = new Set<string>();
const maxMounts = 64;

/** The route of Express, `undefined` for none. A router mounted under a parameter has the caller's text in `baseUrl`: past so many, no route at all. */
function routeOf(request: RoutedRequest): string | undefined {
  const path = request.route?.path;
  if (typeof path !== 'string') return undefined;
  const mount = typeof request.baseUrl === 'string' ? request.baseUrl : '';
  if (!mounts.has(mount)) {
    if (mounts.size >= maxMounts) return undefined;
    mounts.add(mount);
  }
  return mount !== '' && path === '/' ? mount : mount + path;
}

/** The request itself, as Express, connect and Node's own servers hand it on. */
export const requestView: SubjectView = {
  userOf: (request: any) => request.user?.id,
  routeOf: (request) => routeOf(request as RoutedRequest),
};

/** By the socket, not by what a proxy says. */
export function schemeOf(socket: Socket): 'http' | 'https' {
  return (socket as TLSSocket).encrypted === true ? 'https' : 'http';
}

/** The attributes of a server span that are known at its start. */
export function describe(request: IncomingMessage, isSecret: IsSecret): Attributes {
  const { headers, socket } = request;
  const method = request.method as string;
  const target = request.url as string;
  const scheme = schemeOf(socket);
  const server = headers.host === undefined ? undefined : hostOf(headers.host);
  const peer = socket.remoteAddress;
  const attributes: Attributes = {
    'http.request.method': methodOf(method),
    'url.path': pathOf(target),
    'url.scheme': scheme,
    'server.address': server?.address ?? socket.localAddress ?? '',
    'network.protocol.version': request.httpVersion,
  };
  const port = server === undefined ? socket.localPort : (server.port ?? (scheme === 'https' ? 443 : 80));
  if (port !== undefined) attributes['server.port'] = port;
  if (peer !== undefined) {
    const { remotePort } = socket;
    attributes['client.address'] = peer;
    attributes['network.peer.address'] = peer;
    if (remotePort !== undefined) attributes['network.peer.port'] = remotePort;
  }
  const agent = headers['user-agent'];
  if (agent !== undefined) attributes['user_agent.original'] = agent;
  const query = queryOf(target, isSecret);
  if (query !== undefined) attributes['url.query'] = query;
  if (attributes['http.request.method'] !== method) attributes['http.request.method_original'] = method;
  return attributes;
}

/** The sizes of both bodies, where a header tells them. */
export function sizesOf(request: IncomingMessage, response: ServerResponse): Attributes {
  const sizes: Attributes = {};
  const received = sizeOf(request.headers['content-length']);
  // Node counts by itself what is sent at once.
  const sent = sizeOf(
    response.getHeader('content-length') ?? (response as { _contentLength?: unknown })._contentLength,
  );
  if (received !== undefined) sizes['http.request.body.size'] = received;
  if (sent !== undefined) sizes['http.response.body.size'] = sent;
  return sizes;
}

function sizeOf(length: unknown): number | undefined {
  const size = length === undefined || length === null ? Number.NaN : Number(length);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Whether a request target is one of `paths` (`config.http.ignorePaths`). */
export function ignored(paths: readonly string[]): (target: string) => boolean {
  const prefixes = paths.filter((path) => path.endsWith('*')).map((path) => path.slice(0, -1));
  const exact = new Set(paths.filter((path) => !path.endsWith('*')).map(withoutSlash));
  if (prefixes.length === 0 && exact.size === 0) return () => false;
  return (target) => {
    const path = pathOf(target);
    return exact.has(withoutSlash(path)) || prefixes.some((prefix) => path.startsWith(prefix));
  };
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.charCodeAt(path.length - 1) === 47 ? path.slice(0, -1) : path;
}
