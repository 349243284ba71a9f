/** One endpoint, step by step: each tells what failed, so that nobody has to guess. */
import dns from 'node:dns/promises';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import type { OtlpTarget, Signal } from '../config/config.ts';
import { askGrpc } from './grpc-step.ts';

export type Step = 'DNS' | 'TCP' | 'TLS' | 'HTTP' | 'gRPC';

export interface Reached {
  /** Absent where all went well. */
  readonly failed?: { readonly step: Step; readonly reason: string };
  readonly status?: number;
  /** The server's clock less ours, in seconds; a whole second is what the header can tell. */
  readonly skew?: number;
}

const patienceMillis = 5_000;

function within<T>(socket: net.Socket, event: string): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(patienceMillis, () =>
      socket.destroy(new Error(`no answer in ${patienceMillis / 1000} s`)),
    );
    socket.once(event, resolve as () => void).once('error', reject);
  }).finally(() => socket.destroy()) as Promise<T>;
}

function identity({ certificate, clientKey, clientCertificate }: OtlpTarget): tls.SecureContextOptions {
  const read = (path: string | undefined) => (path === undefined ? undefined : fs.readFileSync(path));
  return { ca: read(certificate), key: read(clientKey), cert: read(clientCertificate) };
}

/** An export request that holds nothing: what every receiver takes. */
function postEmpty(target: OtlpTarget, url: URL): Promise<http.IncomingMessage> {
  const isJson = target.protocol === 'http/json';
  const options = {
    method: 'POST',
    headers: { ...target.headers, 'content-type': isJson ? 'application/json' : 'application/x-protobuf' },
    timeout: patienceMillis,
    agent: false as const,
  };
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const request = secure
      ? https.request(url, { ...options, ...identity(target) })
      : http.request(url, options);
    request.once('timeout', () => request.destroy(new Error(`no answer in ${patienceMillis / 1000} s`)));
    request.once('error', reject).once('response', (response) => {
      response.resume();
      resolve(response);
    });
    request.end(isJson ? '{}' : undefined);
  });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

export async function reach(target: OtlpTarget, signal: Signal): Promise<Reached> {
  const url = new URL(target.endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const isGrpc = target.protocol === 'grpc';
  let answer: { readonly status?: number; readonly date?: string } = {};
  const steps: readonly (readonly [Step, boolean, () => Promise<unknown>])[] = [
    ['DNS', net.isIP(host) === 0, () => dns.lookup(host)],
    ['TCP', true, () => within(net.connect(port, host), 'connect')],
    [
      'TLS',
      url.protocol === 'https:',
      () =>
        within(
          tls.connect({ port, host, servername: net.isIP(host) ? '' : host, ...identity(target) }),
          'secureConnect',
        ),
    ],
    [
      'HTTP',
      !isGrpc,
      async () => {
        const { statusCode: status, headers } = await postEmpty(target, url);
        answer = { status, date: headers.date };
      },
    ],
    [
      'gRPC',
      isGrpc,
      async () => {
        answer = await askGrpc(target, signal, identity(target), patienceMillis);
      },
    ],
  ];
  for (const [step, isTaken, take] of steps) {
    try {
      if (isTaken) await take();
    } catch (error) {
      return { failed: { step, reason: reasonOf(error) } };
    }
  }
  const date = Date.parse(answer.date ?? '');
  return {
    status: answer.status,
    skew: Number.isNaN(date) ? undefined : Math.round((date - Date.now()) / 1000),
  };
}
