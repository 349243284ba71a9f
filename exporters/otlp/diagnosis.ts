/** Why an attempt did not succeed and what to do about it, as one sentence for people. */
import type { OtlpTarget, Signal } from '../../src/config/config.ts';
import { type Endpoint, presentable, secretsOf } from './endpoint.ts';
import type { Reply } from './transport.ts';

/** What a diagnosis looks at. */
export interface Case {
  readonly signal: Signal;
  readonly target: OtlpTarget;
  readonly endpoint: Endpoint;
  readonly reply: Reply;
}

type Finding = string | undefined;

/** Cause and fix; never a secret of the target. */
export function diagnose(given: Case): string {
  const { target, endpoint, reply } = given;
  const found = wrongProtocol(given) ?? unreachable(given) ?? untrusted(given) ?? refused(given);
  if (found !== undefined) return found;
  const words = presentable(reply.message ?? '', secretsOf(target));
  return `${endpoint.origin} answered ${reply.code}${words && `: "${words}"`}`;
}

/** Node's HTTP parser met something else: the first bytes of HTTP/2, most likely. */
const notHttp = /^HPE_/;
/** The other side broke off HTTP/2, or answered like a web server. */
const notGrpc = /ERR_HTTP2_|Protocol error|before it spoke HTTP\/2|HTTP status 4(00|04|05|15)/;
const spokenTo = {
  http: 'OTEL_EXPORTER_OTLP_PROTOCOL=grpc',
  grpc: 'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
};

function wrongProtocol({ target, endpoint, reply }: Case): Finding {
  const code = String(reply.code);
  const words = reply.message ?? '';
  const { origin, url } = endpoint;
  if (target.protocol === 'grpc') {
    const port = url.port === '4318' ? 'looks like the HTTP port 4318' : 'does not speak gRPC';
    if (!notGrpc.test(`${code} ${words}`)) return undefined;
    return `${origin} ${port}: use port 4317, or set ${spokenTo.grpc} for this one`;
  }
  const cut = code === 'ECONNRESET' && url.port === '4317';
  if (!notHttp.test(code) && !cut) return undefined;
  const port =
    url.port === '4317' ? 'looks like the gRPC port 4317' : 'does not speak HTTP/1.1; it may be a gRPC port';
  return `${origin} ${port}: use port 4318, or set ${spokenTo.http} for this one`;
}

function unreachable({ target, endpoint, reply }: Case): Finding {
  const { origin, url } = endpoint;
  const correct = 'or correct OTEL_EXPORTER_OTLP_ENDPOINT';
  switch (reply.code) {
    case 'ECONNREFUSED':
      return `nobody listens at ${origin} (ECONNREFUSED): start a collector there, ${correct}`;
    case 'ENOENT':
      return `there is no socket ${origin} (ENOENT): start a collector there, ${correct}`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not write to ${origin} (${reply.code}): change the rights of the socket`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name ${url.hostname} is not known (${reply.code}): check the spelling and the DNS`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no way to ${origin} (${reply.code}): check the network, ${correct}`;
    case 'ETIMEDOUT':
    case 'DEADLINE_EXCEEDED':
      return /connect/.test(reply.message ?? '')
        ? `no connection to ${origin} came about in time (${reply.code}): check the network, ${correct}`
        : `${origin} gave no answer within ${target.timeoutMillis} ms (${reply.code}): see OTEL_EXPORTER_OTLP_TIMEOUT`;
    case 'ECONNRESET':
    case 'EPIPE':
      return url.protocol === 'http:'
        ? `${origin} cut the connection (${reply.code}): if it expects TLS, write https://`
        : `${origin} cut the connection (${reply.code})`;
    default:
      return undefined;
  }
}

const unknownIssuer = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

function untrusted({ endpoint, reply }: Case): Finding {
  const code = String(reply.code);
  const words = `${code} ${reply.message ?? ''}`;
  const { origin, url } = endpoint;
  if (/wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long/i.test(words)) {
    return `${origin} does not speak TLS (${code}): write http:// instead of https://`;
  }
  if (unknownIssuer.has(code) || /self-signed|unable to verify|issuer cert/i.test(words)) {
    return `the certificate of ${origin} is not trusted (${code}): name its CA in OTEL_EXPORTER_OTLP_CERTIFICATE`;
  }
  if (/certificate[ _]required|bad[ _]certificate|handshake[ _]failure/i.test(words)) {
    return `${origin} wants a client certificate (${code}): name one in OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and its key in OTEL_EXPORTER_OTLP_CLIENT_KEY`;
  }
  if (/ALTNAME_INVALID|altnames/i.test(words)) {
    return `the certificate of ${origin} is not made out to ${url.hostname} (${code})`;
  }
  return /CERT_HAS_EXPIRED|certificate has expired/i.test(words)
    ? `the certificate of ${origin} has expired`
    : undefined;
}

function refused({ signal, target, endpoint, reply }: Case): Finding {
  const { code } = reply;
  const { origin } = endpoint;
  const words = presentable(reply.message ?? '', secretsOf(target));
  const quoted = words && ` "${words}"`;
  if (code === 401 || code === 403 || code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED') {
    return `${origin} refused the credentials (${code})${quoted}: check OTEL_EXPORTER_OTLP_HEADERS`;
  }
  if (typeof code === 'number' && code >= 300 && code < 400) {
    return `${origin} redirects (${code}) to ${redirectTarget(reply, endpoint)} and redirects are not followed: name the final address`;
  }
  if (code === 404 || code === 405 || code === 'UNIMPLEMENTED')
    return wrongPath(signal, endpoint, code, quoted);
  return undefined;
}

function redirectTarget({ location }: Reply, { url }: Endpoint): string {
  const to = URL.parse(location ?? '', url.href);
  return to === null ? 'elsewhere' : `${to.origin}${to.pathname}`.slice(0, 200);
}

function wrongPath(signal: Signal, { origin, url }: Endpoint, code: string | number, quoted: string): string {
  const path = `/v1/${signal}`;
  const variable = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`;
  if (/\/v1\/\w+\/v1\/\w+/.test(url.pathname)) {
    return `${origin} has no ${url.pathname} (${code}): ${path} is added to OTEL_EXPORTER_OTLP_ENDPOINT, so leave it out there, or use ${variable}`;
  }
  if (code === 'UNIMPLEMENTED') return `${origin} takes no ${signal} (${code})${quoted}`;
  return `${origin} has no ${url.pathname} (${code})${quoted}: OTLP receivers usually take ${path}; ${variable} is used as it is`;
}
