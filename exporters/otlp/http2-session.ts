/** One HTTP/2 connection for the signals that go to one place, opened when needed and never holding the process. */
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import type { Endpoint } from './endpoint.ts';

/** A connection being opened is the one thing that holds the process, so it gets less than an attempt. */
const connectMillis = 3000;

export interface SharedSession {
  /** The connection, opened if there is none or the last one is spoilt. Rejects with Node's error. */
  open(): Promise<http2.ClientHttp2Session>;
  /** The next call takes a new connection; what is under way on this one goes on. */
  retire(session: http2.ClientHttp2Session): void;
  /** Given back by its last user, the connection is cut. */
  giveBack(): void;
}

interface Pooled {
  current: http2.ClientHttp2Session | undefined;
  opening: Promise<http2.ClientHttp2Session> | undefined;
  users: number;
}

const pool = new Map<string, Pooled>();

/** Joins whoever speaks to the same place with the same certificates. */
export function borrowSession(endpoint: Endpoint): SharedSession {
  const { origin, tls: files } = endpoint;
  const key = [origin, files.ca, files.key, files.cert].map((part) => part?.toString() ?? '').join('\n');
  const pooled = pool.get(key) ?? { current: undefined, opening: undefined, users: 0 };
  pool.set(key, pooled);
  pooled.users++;
  return {
    async open() {
      const { current } = pooled;
      if (current !== undefined && !current.closed && !current.destroyed) return current;
      pooled.opening ??= connect(endpoint).finally(() => {
        pooled.opening = undefined;
      });
      pooled.current = await pooled.opening;
      return pooled.current;
    },
    retire(session) {
      if (pooled.current === session) pooled.current = undefined;
      if (!session.destroyed) session.close();
    },
    giveBack() {
      if (--pooled.users > 0) return;
      pool.delete(key);
      pooled.current?.destroy();
      pooled.opening?.then(
        (session) => session.destroy(),
        () => undefined,
      );
    },
  };
}

/**
 * Resolves when the other side has shown that it speaks HTTP/2. The socket is ours, as a session may end without
 * telling why, or that it did.
 */
function connect({ url, socketPath, tls: files }: Endpoint): Promise<http2.ClientHttp2Session> {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || 4317);
  const servername = net.isIP(host) ? undefined : host;
  const socket = secure
    ? tls.connect({ host, port, servername, ALPNProtocols: ['h2'], ...files })
    : net.connect(socketPath === undefined ? { host, port } : { path: socketPath });
  const session = http2.connect(`${url.protocol}//${url.hostname}:${port}`, {
    createConnection: () => socket,
  });
  session.unref();
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      clearTimeout(timer);
      then();
    };
    const fail = (error: Error) => settle(() => reject(error));
    const timer = setTimeout(() => {
      fail(connectFault('ETIMEDOUT', `no connection within ${connectMillis} ms`));
      session.destroy();
      socket.destroy();
    }, connectMillis).unref();
    session.once('remoteSettings', () => settle(() => resolve(session)));
    session.on('error', fail);
    socket.on('error', fail);
    socket.once('close', () => fail(connectFault('ECONNRESET', 'closed before it spoke HTTP/2')));
  });
}

function connectFault(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
