/** Where a signal goes: the address to use, the address to show, and what must never be shown. */
import { readFileSync } from 'node:fs';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { OtlpTarget } from '../../src/config/config.ts';

/** PEM texts read from the files that the target names. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly key?: Buffer;
  readonly cert?: Buffer;
}

export interface Endpoint {
  readonly url: URL;
  /** Scheme, host, port: without user, path and query. Of a Unix socket `unix:` and its path. */
  readonly origin: string;
  /** Path of a Unix socket; `url` then says only what is asked for. */
  readonly socketPath?: string;
  readonly tls: TlsFiles;
  /** Basic credentials from the URL's user part. */
  readonly authorization?: string;
}

/** Reads the target's URL and files. A string says what is wrong with them, and what to write instead. */
export function openEndpoint(target: OtlpTarget): Endpoint | string {
  const url = parseUrl(target);
  if (typeof url === 'string') return url;
  const tls = readTlsFiles(target);
  if (typeof tls === 'string') return tls;
  const unfit = unfitHeader(target.headers);
  if (unfit !== undefined) return `the header "${unfit}" of OTEL_EXPORTER_OTLP_HEADERS cannot be sent`;
  const { username, password } = url;
  const user = `${decoded(username)}:${decoded(password)}`;
  const authorization = username || password ? `Basic ${Buffer.from(user).toString('base64')}` : undefined;
  url.username = '';
  url.password = '';
  if (url.protocol !== 'http+unix:') return { url, origin: url.origin, tls, authorization };
  const socketPath = decoded(url.hostname);
  const inside = new URL(`http://localhost${url.pathname}${url.search}`);
  return { url: inside, origin: `unix:${socketPath}`, socketPath, tls, authorization };
}

function parseUrl({ endpoint, protocol, insecure }: OtlpTarget): URL | string {
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint);
  const bare = !hasScheme && protocol === 'grpc';
  const url = URL.parse(bare ? `${insecure ? 'http' : 'https'}://${endpoint}` : endpoint);
  const shown = withoutSecrets(endpoint);
  if (!hasScheme && !bare) {
    const host = shown.replace(/\/.*/, '');
    return `the endpoint "${shown}" has no scheme: write http://${host} or https://${host}`;
  }
  if (url === null || url.hostname === '') return `the endpoint "${shown}" is not a URL`;
  if (/^(?:https?|http\+unix):$/.test(url.protocol)) return url;
  return `the endpoint "${shown}" has the scheme ${url.protocol}// and only http://, https:// and unix:// are spoken`;
}

/** An address as it was written, with neither user part nor query. */
function withoutSecrets(endpoint: string): string {
  return endpoint
    .replace(/[?#].*$/s, '')
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^/]*@/i, '$1')
    .slice(0, 200);
}

function readTlsFiles(target: OtlpTarget): TlsFiles | string {
  const files: { ca?: Buffer; key?: Buffer; cert?: Buffer } = {};
  const wanted = [
    ['ca', target.certificate, 'OTEL_EXPORTER_OTLP_CERTIFICATE'],
    ['key', target.clientKey, 'OTEL_EXPORTER_OTLP_CLIENT_KEY'],
    ['cert', target.clientCertificate, 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE'],
  ] as const;
  for (const [name, path, variable] of wanted) {
    if (path === undefined) continue;
    try {
      files[name] = readFileSync(path);
    } catch (error) {
      return `${variable} names ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code})`;
    }
    if (!files[name]?.includes('-----BEGIN ')) return `${variable} names ${path}, which is not a PEM file`;
  }
  if (!files.key === !files.cert) return files;
  const missing = files.key ? wanted[2][2] : wanted[1][2];
  return `a client certificate needs its key and the certificate: ${missing} is missing`;
}

function unfitHeader(headers: OtlpTarget['headers']): string | undefined {
  return Object.keys(headers).find((name) => {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, headers[name] as string);
      return false;
    } catch {
      return true;
    }
  });
}

/** Every text that would give a secret away if it came back in a receiver's message. */
export function secretsOf({ endpoint, headers }: OtlpTarget): readonly string[] {
  const found = Object.values(headers).flatMap((value) => [value, value.replace(/^\w+ /, '')]);
  const url = URL.parse(endpoint);
  if (url !== null) {
    const { username, password } = url;
    const basic = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
    found.push(username, password, decoded(password), basic, ...url.searchParams.values());
  }
  return found.filter((text) => text.length >= 4).sort((a, b) => b.length - a.length);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A receiver's words for a log line: one line, at most 300 characters, no control characters, no secrets. */
export function presentable(text: string, secrets: readonly string[]): string {
  let safe = text.slice(0, 4096);
  for (const secret of secrets) safe = safe.replaceAll(secret, '[redacted]');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  safe = safe.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\s]+/g, ' ').trim();
  return (safe.length > 300 ? `${safe.slice(0, 299)}…` : safe).toWellFormed();
}
