/** A port of Sonde's own, for scrapes, probes and operators. Whatever comes in there costs little and holds nobody. */
import type { Cluster } from 'node:cluster';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rootContext, runIn } from './context/context.ts';
import { suppressed } from './context/suppression.ts';
import { diagnostics } from './diagnostics.ts';
import { ownServer } from './own-servers.ts';
import { type PortHolder, parentOf, portHolder } from './port-holder.ts';
import { isAlive } from './process-life.ts';

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

const waitMillis = 1_000;

/** `exclusive`: a cluster's worker would else share the port with its siblings, and answer for itself alone. */
function listening(server: Server, parts: ServerParts): { readonly ready: Promise<void>; end(): void } {
  const { host, port } = parts;
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  let sibling: number | undefined;
  const listen = () => server.listen({ host, port, exclusive: true });
  const again = () => {
    timer = setTimeout(listen, waitMillis).unref();
  };
  const onError = (error: NodeJS.ErrnoException) => {
    resolve();
    // To find out who has a port takes milliseconds, and a sibling has it for days.
    if (error.code === 'EADDRINUSE' && sibling !== undefined && isAlive(sibling)) return again();
    const holder = error.code === 'EADDRINUSE' ? portHolder(port) : undefined;
    const kin = holder && kinshipWith(holder.id);
    if (kin === undefined) tellOf(error, holder, parts);
    sibling = kin === 'sibling' ? holder?.id : undefined;
    if (sibling !== undefined) again();
  };
  server.on('error', onError).once('listening', () => {
    server.off('error', onError).on('error', () => undefined);
    resolve();
  });
  listen();
  return { ready, end: () => clearTimeout(timer) };
}

/**
 * Of a cluster one process has the port, and that is as it should be: the primary, which does not come back where it ends, or
 * one of the workers, in whose place the next one comes.
 */
function kinshipWith(holder: number): 'primary' | 'sibling' | undefined {
  if (!process.connected) return undefined;
  const { isWorker } = process.getBuiltinModule('node:cluster') as unknown as Cluster;
  if (!isWorker) return undefined;
  if (holder === process.ppid) return 'primary';
  return parentOf(holder) === process.ppid ? 'sibling' : undefined;
}

function tellOf(
  { code, message }: NodeJS.ErrnoException,
  holder: PortHolder | undefined,
  { host, port, what, path = '' }: ServerParts,
): void {
  const why = code === 'EADDRINUSE' ? `the port is taken${holder ? ` by ${holder.text}` : ''}` : message;
  diagnostics.warn('SONDE_ERR_PORT', `${what} not served at http://${host}:${port}${path}: ${why}.`);
}
