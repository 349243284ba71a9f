/** One HTTP request to an app of this process (A67): no port to choose, nothing left open. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { activeContext, runIn } from '../context/context.ts';
import { idGenerator } from '../context/ids.ts';
import { suppressed } from '../context/suppression.ts';
import { type App, type Served, serve } from './app-server.ts';
import { activeScopes, inScopes } from './scope.ts';

export interface RequestOptions {
  /** `GET` by default, `POST` with a body. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text or bytes as they are; anything else is sent as JSON. */
  readonly body?: unknown;
}

/** The whole answer. */
export interface TestResponse {
  readonly status: number;
  /** By lower-case names; several of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body, parsed. Throws a SyntaxError when it is no JSON. */
  json(): any;
}

/**
 * Sends one request and gives back the whole answer, whatever its status. The app may be an `http.Server`, a request
 * listener, or an app of Express, Fastify, Koa, Hono or NestJS; one that does not listen yet listens on a free port of
 * the loopback for as long as the request takes. Inside `captureLogs` and `collect` the request is a part of the test.
 *
 * @throws TypeError for what is no app, and the error of a connection that breaks
 * @example
 * const { status, headers } = await request(app, '/readyz');
 * assert.equal(status, 200);
 * assert.ok(headers['x-request-id']);
 */
export async function request(app: App, target = '/', options: RequestOptions = {}): Promise<TestResponse> {
  const served = await serve(app);
  const headers = headersOf(options);
  const forget = join(served, headers);
  try {
    return await send(served.server.address() as AddressInfo, target, headers, options);
  } finally {
    forget();
    await served.release();
  }
}

function headersOf({ headers = {}, body }: RequestOptions): Record<string, string> {
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const json: Record<string, string> = isJson(body) ? { 'content-type': 'application/json' } : {};
  return { ...json, ...lower };
}

function isJson(body: unknown): boolean {
  return body !== undefined && typeof body !== 'string' && !ArrayBuffer.isView(body);
}

/** Lets the server's side of a request be a part of the scopes of the test, by the request's own trace. */
function join({ joined }: Served, headers: Record<string, string>): () => void {
  const scopes = activeScopes();
  if (scopes.length === 0) return () => {};
  headers.traceparent ??= `00-${idGenerator.generateTraceId()}-${idGenerator.generateSpanId()}-01`;
  const { traceparent } = headers;
  const traceId = traceparent.slice(3, 35);
  for (const scope of scopes) scope.traces.add(traceId);
  joined.set(traceparent, (run) => runIn(inScopes(activeContext(), scopes), run));
  return () => void joined.delete(traceparent);
}

/** The test's own half is not part of what it looks at. */
function send(
  { port, address, family }: AddressInfo,
  path: string,
  headers: Record<string, string>,
  { method, body }: RequestOptions,
): Promise<TestResponse> {
  const isAny = address === '::' || address === '0.0.0.0';
  const host = isAny ? (family === 'IPv6' ? '::1' : '127.0.0.1') : address;
  const payload = isJson(body) ? JSON.stringify(body) : body;
  const verb = method ?? (body === undefined ? 'GET' : 'POST');
  return runIn(
    suppressed(activeContext()),
    () =>
      new Promise((resolve, reject) => {
        const sent = http.request({ host, port, path, method: verb, headers, agent: false }, (response) => {
          read(response).then(resolve, reject);
        });
        sent.on('error', reject);
        sent.end(payload);
      }),
  );
}

async function read(response: http.IncomingMessage): Promise<TestResponse> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(headers),
    text,
    json: () => JSON.parse(text),
  };
}
