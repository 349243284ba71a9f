/** Who may ask the admin port what. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface Refusal {
  readonly status: number;
  readonly why: string;
}

export interface GuardOptions {
  readonly host: string;
  readonly token: string | undefined;
}

const wildcards = new Set(['0.0.0.0', '::']);

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** A page in a browser reaches a loopback port by a name that it controls, never by these (DNS rebinding). */
export function isNamedRightly({ headers }: IncomingMessage, { host }: GuardOptions): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(headers.host ?? '')?.[1]?.toLowerCase();
  if (!name) return false;
  const bare = name.replace(/^\[|\]$/g, '');
  if (['localhost', '127.0.0.1', '::1', host.toLowerCase()].includes(bare)) return true;
  return wildcards.has(host) && isIP(bare) !== 0;
}

/** `undefined` lets the request through. */
export function refusalOf(request: IncomingMessage, { host, token }: GuardOptions): Refusal | undefined {
  if (token !== undefined) {
    return isSame(bearer(request), token)
      ? undefined
      : { status: 401, why: 'needs Authorization: Bearer with the token of SONDE_ADMIN_TOKEN' };
  }
  if (isLoopback(host)) return undefined;
  return { status: 403, why: `is closed on ${host} until SONDE_ADMIN_TOKEN is set` };
}

function bearer({ headers }: IncomingMessage): string {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** Digests are of one length: neither length nor first difference shows in the time it takes. */
function isSame(given: string, token: string): boolean {
  const [a, b] = [given, token].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(a!, b!);
}
