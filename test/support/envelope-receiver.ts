/** Takes envelopes as a Sentry-compatible server does; it understands the form by the protocol's own words. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface Received {
  readonly path: string;
  readonly auth: string;
  readonly head: Record<string, any>;
  readonly kind: Record<string, any>;
  readonly event: Record<string, any>;
}

export interface EnvelopeReceiver {
  /** `http://KEY@HOST/42`. */
  readonly dsn: string;
  readonly received: Received[];
  /** What is answered from now on: 200 at first. */
  answer: { status: number; headers?: Record<string, string> };
  close(): Promise<void>;
}

export async function receiveEnvelopes(): Promise<EnvelopeReceiver> {
  const received: Received[] = [];
  const receiver = { dsn: '', received, answer: { status: 200 }, close } as EnvelopeReceiver & {
    dsn: string;
  };
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString('utf8');
    const { status, headers } = receiver.answer;
    if (status === 200) received.push(read(request, body));
    response.writeHead(status, headers).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.dsn = `http://publickey@127.0.0.1:${(server.address() as AddressInfo).port}/42`;

  function close(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  return receiver;
}

function read({ url, headers }: http.IncomingMessage, body: string): Received {
  const [head, kind, event] = body.split('\n').map((line) => (line === '' ? {} : JSON.parse(line)));
  return { path: url!, auth: String(headers['x-sentry-auth']), head, kind, event };
}
