/** Which hosts an app is served under, by Django's patterns, and the answer to all others (A51). */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { override } from './override.ts';

/** A name, an IPv4 address or an IPv6 address in brackets, with or without port; nothing else is a host. */
const shape = /^([a-z0-9._-]+|\[[a-f0-9:.]+\])(?::\d+)?$/;

/** Patterns: `shop.example`, `.shop.example` (with every name below it), `*`. Case, port and a last dot do not count. */
export function hostTest(patterns: readonly string[]): (host: string) => boolean {
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  const exact = new Set(lower.map((pattern) => pattern.replace(/^\./, '')));
  const suffixes = lower.filter((pattern) => pattern.startsWith('.'));
  const all = exact.has('*');
  return (host) => {
    const name = shape.exec(host.toLowerCase())?.[1]?.replace(/\.$/, '');
    if (name === undefined) return false;
    return all || exact.has(name) || suffixes.some((suffix) => name.endsWith(suffix));
  };
}

type Emit = (this: object, event: string | symbol, ...args: unknown[]) => boolean;

const requestEvents: ReadonlySet<string | symbol> = new Set(['request', 'checkContinue', 'checkExpectation']);

/** Answers 400 to what `isRejected` says, in the app's stead: no listener hears of the request. */
export function rejecting(prototype: Server, isRejected: (request: IncomingMessage) => boolean): () => void {
  return override(prototype, 'emit', (original: Emit): Emit => {
    return function emit(event, ...args) {
      if (requestEvents.has(event) && isRejected(args[0] as IncomingMessage)) {
        const response = args[1] as ServerResponse;
        response.writeHead(400, { 'content-type': 'text/plain', connection: 'close' }).end('Bad Request');
        return true;
      }
      if ((event === 'upgrade' || event === 'connect') && isRejected(args[0] as IncomingMessage)) {
        (args[1] as Duplex).end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return true;
      }
      return original.call(this, event, ...args);
    };
  });
}
