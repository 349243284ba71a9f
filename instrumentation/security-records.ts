/** What a request shows of an attempt (A51): by its headers when it begins, by its error when it has ended. */
import type { IncomingMessage } from 'node:http';
import type { Context } from '@opentelemetry/api';
import type { Config } from '../src/config/config.ts';
import { parseTraceparent } from '../src/context/traceparent.ts';
import { severity } from '../src/logs/levels.ts';
import { emitOwn } from '../src/logs/own-record.ts';
import { securityLogger } from '../src/logs/security.ts';
import { passes } from '../src/logs/tree.ts';
import { hostTest } from './host-test.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A record of `sonde.security.<kind>`. */
export function writeSecurity(kind: string, message: string, fields: Fields, context: Context): void {
  const logger = securityLogger(kind);
  if (!passes(logger, severity.WARN)) return;
  emitOwn({ logger, level: 'WARN', message, fields, context });
}

const longestBaggage = 8192;
const mostMembers = 64;
/** What would end a header line if somebody decoded it. */
const lineBreak = /%0[ad]|[\r\n]/i;

/** Looks at the headers of a request; gives back whether its host is one that the app is not served under. */
export function headerChecks(config: Config): (request: IncomingMessage, context: Context) => boolean {
  const { allowedHosts } = config.security;
  const isAllowed = allowedHosts.length === 0 ? undefined : hostTest(allowedHosts);
  const readsTrace = config.propagators.includes('tracecontext');
  const idHeaders = config.correlation.headers.map((name) => name.toLowerCase());

  function checkTrace({ headers }: IncomingMessage, context: Context): void {
    const { traceparent, baggage } = headers;
    if (readsTrace && typeof traceparent === 'string' && parseTraceparent(traceparent) === undefined) {
      writeSecurity('InvalidTraceparent', 'A traceparent header is malformed.', {}, context);
    }
    if (typeof baggage === 'string' && isOversized(baggage)) {
      const fields = { 'baggage.length': baggage.length };
      writeSecurity('OversizedBaggage', 'A baggage header is larger than allowed.', fields, context);
    }
  }

  function checkIds({ headers }: IncomingMessage, context: Context): void {
    for (const name of idHeaders) {
      const value = headers[name];
      if (typeof value === 'string' && lineBreak.test(value)) {
        const fields = { 'http.request.header.name': name };
        writeSecurity('HeaderInjection', `A line break is hidden in header ${name}.`, fields, context);
      }
    }
  }

  return (request, context) => {
    const { host } = request.headers;
    checkTrace(request, context);
    checkIds(request, context);
    if (isAllowed === undefined || host === undefined || isAllowed(host)) return false;
    const shown = host.slice(0, 253);
    const advice = `Invalid Host header: '${shown}'. Add it to SONDE_ALLOWED_HOSTS if it is one of yours.`;
    writeSecurity('DisallowedHost', advice, { 'server.address': shown }, context);
    return true;
  };
}

function isOversized(baggage: string): boolean {
  return baggage.length > longestBaggage || baggage.split(',', mostMembers + 1).length > mostMembers;
}

/** Kinds by the codes of well-known packages: csurf, csrf-csrf, @fastify/csrf-protection, body-parser, Fastify, Node. */
const kindsByCode: ReadonlyMap<unknown, string> = new Map([
  ['EBADCSRFTOKEN', 'csrf'],
  ['FST_ERR_CTP_BODY_TOO_LARGE', 'RequestDataTooBig'],
  ['entity.too.large', 'RequestDataTooBig'],
  ['ERR_INVALID_CHAR', 'HeaderInjection'],
]);

/** The kind of security record that an error stands for: by its code, or by `static securityKind` of its class. */
export function securityKindOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  try {
    const { code, type } = error as Record<string, unknown>;
    const own = (error.constructor as { readonly securityKind?: unknown } | undefined)?.securityKind;
    if (typeof own === 'string' && own !== '') return own;
    if (typeof code === 'string' && code.startsWith('FST_CSRF_')) return 'csrf';
    return kindsByCode.get(code) ?? kindsByCode.get(type);
  } catch {
    return undefined;
  }
}
