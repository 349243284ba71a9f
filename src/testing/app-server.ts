/** An app of any framework behind a server of `node:http`. */
import http, { type RequestListener, type Server } from 'node:http';

/** What can be asked: an `http.Server`, a request listener, an app of Express, Fastify, Koa, Hono or NestJS. */
export type App = Server | RequestListener | ((request: any, response: any) => unknown) | object;

type Run = (run: () => boolean) => boolean;

/** A listening server, for one request. */
export interface Served {
  readonly server: Server;
  /** By `traceparent`: what runs the server's side of a request. */
  readonly joined: Map<string, Run>;
  /** Closes the server, unless it listened before. */
  release(): Promise<void>;
}

/** What the frameworks' apps have that nobody else has. */
interface Shapes {
  readonly getHttpServer?: () => Server;
  readonly init?: () => Promise<unknown>;
  readonly ready?: () => PromiseLike<unknown>;
  readonly routing?: RequestListener;
  readonly callback?: () => RequestListener;
  readonly fetch?: (request: Request) => Response | Promise<Response>;
}

/** @throws TypeError for what is no app */
export async function serve(app: App): Promise<Served> {
  const server = await serverOf(app);
  const joined = joinedOf(server);
  if (server.listening) return { server, joined, release: async () => {} };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve(void server.off('error', reject)));
  });
  return { server, joined, release: () => closed(server) };
}

async function serverOf(app: App): Promise<Server> {
  if (app instanceof http.Server) return app;
  const { getHttpServer, init, ready, routing, callback, fetch } = app as Shapes;
  if (typeof getHttpServer === 'function') {
    await init?.call(app);
    return getHttpServer.call(app);
  }
  if (typeof routing === 'function') {
    await ready?.call(app);
    return http.createServer(routing.bind(app));
  }
  if (typeof callback === 'function') return http.createServer(callback.call(app));
  if (typeof app === 'function') return http.createServer(app as RequestListener);
  if (typeof fetch === 'function') return http.createServer(fetching((request) => fetch.call(app, request)));
  throw new TypeError('request() takes an http.Server, a request listener or the app of a framework.');
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

const known = new WeakMap<Server, Map<string, Run>>();

/** A server that is asked again keeps its one wrapper. */
function joinedOf(server: Server): Map<string, Run> {
  const before = known.get(server);
  if (before !== undefined) return before;
  const joined = new Map<string, Run>();
  const { emit } = server;
  server.emit = function (this: Server, event: string, ...args: any[]): boolean {
    const run = event === 'request' ? joined.get(args[0].headers.traceparent) : undefined;
    const original = (): boolean => Reflect.apply(emit, this, [event, ...args]);
    return run === undefined ? original() : run(original);
  } as Server['emit'];
  known.set(server, joined);
  return joined;
}

/** For apps that know web requests only, as Hono. */
function fetching(fetch: (request: Request) => Response | Promise<Response>): RequestListener {
  return (incoming, outgoing) => {
    answer(incoming, outgoing, fetch).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.statusCode = 500;
      outgoing.end(String(error));
    });
  };
}

async function answer(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ]);
  const { method } = incoming;
  const body = method === 'GET' || method === 'HEAD' ? undefined : Buffer.concat(chunks);
  const url = new URL(incoming.url ?? '/', `http://${incoming.headers.host}`);
  const response = await fetch(new Request(url, { method, headers, body }));
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}
