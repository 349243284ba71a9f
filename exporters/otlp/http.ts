/** Batches over HTTP, OTLP's and others: one request an attempt, connections kept and shared by the signals that go to one place. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { OtlpTarget } from '../../src/config/config.ts';
import { proxyVariables } from '../../src/config/env.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { suppressed } from '../../src/context/suppression.ts';
import { VERSION } from '../../src/version.ts';
import type { Endpoint, TlsFiles } from './endpoint.ts';
import { readStatusMessage } from './protobuf.ts';
import type { Reply, Transport } from './transport.ts';

/** As the OTLP specification wants it. */
const userAgent = `Sonde-OTLP-Exporter-JavaScript/${VERSION}`;

/** A connection being opened is the one thing that holds the process, so it gets less than an attempt. */
const connectMillis = 3000;
const largestAnswer = 65_536;
const retryable = new Set([429, 502, 503, 504]);
const unobserved = suppressed(rootContext);
const gzip = promisify(zlib.gzip);

interface SharedAgent {
  readonly agent: http.Agent;
  users: number;
}

const agents = new Map<string, SharedAgent>();

function keyOf(origin: string, tls: TlsFiles): string {
  return [origin, tls.ca, tls.key, tls.cert].map((part) => part?.toString() ?? '').join('\n');
}

function borrowAgent({ url, origin, socketPath, tls }: Endpoint): { agent: http.Agent; giveBack(): void } {
  const key = keyOf(origin, tls);
  const agent = () => (socketPath ? new http.Agent({ keepAlive: true }) : agentFor(url, tls));
  const shared = agents.get(key) ?? { agent: agent(), users: 0 };
  agents.set(key, shared);
  shared.users++;
  return {
    agent: shared.agent,
    giveBack() {
      if (--shared.users > 0) return;
      agents.delete(key);
      shared.agent.destroy();
    },
  };
}

/** This machine itself. */
const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Through the proxy that the environment names, where Node can (22.21, 24.5 and later), but for loopback. */
function agentFor({ protocol, hostname }: URL, tls: TlsFiles): http.Agent {
  const proxyEnv = loopback.test(hostname) ? {} : proxyVariables();
  const options = { keepAlive: true, proxyEnv };
  return protocol === 'https:' ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

/** Posts bodies of one content type to one endpoint. */
export function httpTransport(
  endpoint: Endpoint,
  target: OtlpTarget,
  contentType: string,
  method = 'POST',
): Transport {
  const { agent, giveBack } = borrowAgent(endpoint);
  const underWay = new Set<http.ClientRequest>();
  let closed = false;

  function post(body: Uint8Array, encoding: string | undefined): Promise<Reply & { stale?: boolean }> {
    const options = {
      agent,
      method,
      socketPath: endpoint.socketPath,
      headers: headersOf(endpoint, target, contentType, body, encoding),
    };
    const module = endpoint.url.protocol === 'https:' ? https : http;
    const request = module.request(endpoint.url, options);
    underWay.add(request);
    const stopTimers = limitTime(request, target.timeoutMillis);
    request.end(body);
    return answerOf(request).finally(() => {
      stopTimers();
      underWay.delete(request);
    });
  }

  async function attempt(body: Uint8Array): Promise<Reply> {
    if (closed) return { outcome: 'failed', code: 'closed' };
    const zipped = target.compression === 'gzip';
    const payload = zipped ? await gzip(body) : body;
    const encoding = zipped ? 'gzip' : undefined;
    const reply = await post(payload, encoding);
    // The receiver closed a kept connection at the moment it was used: that says nothing about the receiver.
    return reply.stale && !closed ? post(payload, encoding) : reply;
  }

  return {
    send: (body) =>
      runIn(unobserved, () => attempt(body)).catch((error) => ({ outcome: 'failed', ...failure(error) })),
    close() {
      if (closed) return;
      closed = true;
      for (const request of underWay) request.destroy(fault('closed'));
      giveBack();
    },
  };
}

function headersOf(
  { authorization }: Endpoint,
  { headers }: OtlpTarget,
  contentType: string,
  body: Uint8Array,
  encoding: string | undefined,
): http.OutgoingHttpHeaders {
  return {
    ...(authorization && { authorization }),
    'user-agent': userAgent,
    ...lowerCased(headers),
    'content-type': contentType,
    'content-length': body.length,
    ...(encoding && { 'content-encoding': encoding }),
  };
}

function lowerCased(headers: OtlpTarget['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function fault(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

/** Neither the timers nor the socket hold the process. */
function limitTime(request: http.ClientRequest, timeoutMillis: number): () => void {
  const timers: NodeJS.Timeout[] = [];
  const limit = (millis: number, what: string) =>
    setTimeout(() => request.destroy(fault('ETIMEDOUT', `${what} within ${millis} ms`)), millis).unref();
  if (timeoutMillis > 0) timers.push(limit(timeoutMillis, 'no answer'));
  request.once('socket', (socket) => {
    socket.unref();
    if (!socket.connecting) return;
    const connecting = limit(connectMillis, 'no connection');
    timers.push(connecting);
    socket.once('connect', () => clearTimeout(connecting));
  });
  return () => timers.forEach(clearTimeout);
}

async function answerOf(request: http.ClientRequest): Promise<Reply & { stale?: boolean }> {
  let response: http.IncomingMessage;
  try {
    [response] = await once(request, 'response');
  } catch (error) {
    const { code, message } = failure(error);
    return { outcome: 'failed', code, message, stale: request.reusedSocket && code === 'ECONNRESET' };
  }
  const body = await readBody(request, response);
  return judge(response, body);
}

/** The first 64 kB; a longer answer, or one that breaks off, is judged by what came. */
async function readBody(request: http.ClientRequest, response: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('error', () => undefined);
  try {
    for await (const chunk of response) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= largestAnswer) break;
    }
  } catch {
    // The status has already said what became of the batch.
  }
  return Buffer.concat(chunks).subarray(0, largestAnswer);
}

function judge({ statusCode: code = 0, headers }: http.IncomingMessage, body: Buffer): Reply {
  if (code >= 200 && code < 300) return { outcome: 'ok', body };
  return {
    outcome: retryable.has(code) ? 'failed' : 'rejected',
    code,
    message: messageOf(body, headers['content-type'] ?? ''),
    retryAfterMillis: retryAfter(headers['retry-after']),
    location: headers.location,
  };
}

/** The receiver's own words: a `google.rpc.Status` in either form, or plain text. */
function messageOf(body: Buffer, contentType: string): string {
  if (contentType.includes('protobuf')) return readStatusMessage(body) ?? '';
  const text = body.toString('utf8');
  if (contentType.includes('html')) return '';
  try {
    const { message } = JSON.parse(text);
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

/** Seconds or an HTTP date, as milliseconds from now. */
export function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** `localhost` has two addresses and then two reasons: the first one speaks for both. */
function failure(error: any): { code: string; message: string } {
  const first = error?.errors?.[0] ?? error;
  return { code: String(error?.code ?? first?.code ?? 'unknown'), message: String(first?.message ?? error) };
}
