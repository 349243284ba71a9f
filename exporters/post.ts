/** One message for people over HTTP. */
import http from 'node:http';
import https from 'node:https';
import { RefusedError } from './dispatch.ts';

export interface Posting {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal?: AbortSignal;
  /** Told of every answer, whatever its status. */
  onAnswer?(status: number, headers: http.IncomingHttpHeaders): void;
}

const largestAnswer = 16_384;
const again = new Set([408, 425, 429]);

/**
 * Rejects for an answer that is not 2xx, with a `RefusedError` where another attempt would fare no better. No redirect
 * is followed: the receiver that was named gets it, or nobody.
 */
export function post(url: URL, { headers, body, signal, onAnswer }: Posting): Promise<void> {
  const module = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const request = module.request(url, {
      method: 'POST',
      signal,
      agent: false,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    });
    request.once('socket', (socket) => socket.unref());
    request.on('error', reject);
    request.once('response', (response) => {
      drain(request, response);
      const { statusCode = 0 } = response;
      onAnswer?.(statusCode, response.headers);
      if (statusCode >= 200 && statusCode < 300) return resolve();
      const isLater = statusCode >= 500 || again.has(statusCode);
      reject(new (isLater ? Error : RefusedError)(`it answered ${statusCode}`));
    });
    request.end(body);
  });
}

/** The status has said all; an answer that does not end is cut. */
function drain(request: http.ClientRequest, response: http.IncomingMessage): void {
  let size = 0;
  response.on('error', () => undefined);
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > largestAnswer) request.destroy();
  });
}
