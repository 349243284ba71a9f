/** A port of Sonde's own, for scrapes, probes and operators. Whatever comes in there costs little and holds nobody. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rootContext, runIn } from './context/context.ts';
import { suppressed } from './context/suppression.ts';
import { diagnostics } from './diagnostics.ts';
import { ownServer } from './own-servers.ts';
import { portHolder } from './port-holder.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface BoundedServer {
  /** The port that is listened on; 0 until then, and where it could not be had. */
  readonly port: number;
  /** Settled either way. */
  readonly ready: Promise<void>;
  close(): void;
}

const limits = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
};
const mostConnections = 64;
/** Who takes longer for an answer than this wants none. */
const longestAnswerMillis = 30_000;
const idleMillis = 75_000;

const unobserved = suppressed(rootContext);

export interface ServerParts {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** How the line begins that says that the port could not be had: `Metrics are`. */
  readonly what: string;
  readonly path?: string;
  readonly handle: Handler;
  readonly onListening?: () => void;
  /** Asked where the port is taken: whether it is waited for, since who has it answers the same. */
  readonly waits?: () => boolean;
}

/** Listens, or says in one line who holds the port; the app runs on either way. */
export function startServer(parts: ServerParts): BoundedServer {
  const { handle } = parts;
  const { createServer } = process.getBuiltinModule('node:http');
  return runIn(unobserved, () => {
    const server = ownServer(createServer(limits, (request, response) => answer(handle, request, response)));
    server.maxConnections = mostConnections;
    server.setTimeout(idleMillis, (socket) => socket.destroy());
    server.on('connection', (socket) => socket.unref());
    server.unref();
    const attempts = listening(server, parts);
    return {
      get port() {
        return (server.address() as AddressInfo | null)?.port ?? 0;
      },
      ready: attempts.ready,
      close() {
        attempts.end();
        server.close();
        server.closeAllConnections();
      },
    };
  });
}

function answer(handle: Handler, request: IncomingMessage, response: ServerResponse): void {
  const timer = setTimeout(() => request.socket.destroy(), longestAnswerMillis).unref();
  response.once('close', () => clearTimeout(timer));
  handle(request, response);
  // A body that nobody reads is let go.
  if (request.readableFlowing === null) request.resume();
}

/** After the first attempt: workers that start together do not know yet which of them was the first. */
const waitMillis = 1_000;

/** `exclusive`: a cluster's worker would else share the port with its siblings, and answer for itself alone. */
function listening(server: Server, parts: ServerParts): { readonly ready: Promise<void>; end(): void } {
  const { host, port, waits } = parts;
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const listen = () => server.listen({ host, port, exclusive: true });
  const onError = (error: NodeJS.ErrnoException) => {
    const isFirst = timer === undefined;
    const isWaited = error.code === 'EADDRINUSE' && waits !== undefined && (isFirst || waits());
    resolve();
    if (!isWaited) return tellOf(error, parts);
    timer = setTimeout(listen, waitMillis).unref();
  };
  server.on('error', onError).once('listening', () => {
    server.off('error', onError).on('error', () => undefined);
    parts.onListening?.();
    resolve();
  });
  listen();
  return { ready, end: () => clearTimeout(timer) };
}

function tellOf(
  { code, message }: NodeJS.ErrnoException,
  { host, port, what, path = '' }: ServerParts,
): void {
  const holder = code === 'EADDRINUSE' ? portHolder(port) : undefined;
  const why = code === 'EADDRINUSE' ? `the port is taken${holder ? ` by ${holder}` : ''}` : message;
  diagnostics.warn('SONDE_ERR_PORT', `${what} not served at http://${host}:${port}${path}: ${why}.`);
}
