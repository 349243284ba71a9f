/** The request that a record is about: from its fields, or from the span of the request that it was born in. */
import net from 'node:net';
import { correlationOf, unitOf } from '../../src/context/correlation.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { redactAttributes, redactText } from '../../src/processing/redact.ts';
import { redactUrl } from '../../src/processing/url.ts';
import type { AlertFacts } from './alert.ts';

type Request = NonNullable<AlertFacts['request']>;
type Fields = Readonly<Record<string, unknown>>;

/** Under these names Django, Express and pino-http hand a request to a log call. */
export const requestNames: readonly string[] = ['request', 'req'];
const mostHeaders = 100;

/** The request without its secrets, and without its body. */
export function requestOf(record: LogRecord): Request | undefined {
  for (const name of requestNames) {
    const given = read(record.fields, name) ?? read(record.bound, name);
    if (typeof given === 'object' && given !== null) return ofObject(given as Fields);
  }
  const { entrySpan } = unitOf(correlationOf(record.context) ?? nobody);
  const attributes = read(entrySpan as unknown as Fields, 'attributes');
  return ofAttributes({
    ...(attributes as Fields | undefined),
    ...record.stamp.attributes,
    ...record.bound,
    ...record.fields,
  });
}

const nobody = { id: undefined, requestId: undefined, attributes: {} };

/** Node's own, Express's, Fastify's, or what a serializer made of one. */
function ofObject(given: Fields): Request {
  const socket = read(given, 'socket') as Fields | undefined;
  const headers = read(given, 'headers');
  return clean(
    read(given, 'method'),
    read(given, 'originalUrl') ?? read(given, 'url'),
    read(given, 'ip') ?? read(given, 'remoteAddress') ?? read(socket, 'remoteAddress'),
    typeof headers === 'object' && headers !== null ? (headers as Fields) : undefined,
  );
}

/** The names of OpenTelemetry's conventions. */
function ofAttributes(attributes: Fields): Request | undefined {
  const path = read(attributes, 'url.path');
  const query = read(attributes, 'url.query');
  const whole = typeof query === 'string' && query !== '' ? `${String(path)}?${query}` : path;
  const url = read(attributes, 'url.full') ?? whole;
  const ip = read(attributes, 'client.address') ?? read(attributes, 'network.peer.address');
  if (url === undefined && ip === undefined) return undefined;
  return clean(read(attributes, 'http.request.method'), url, ip);
}

function clean(method: unknown, url: unknown, ip: unknown, headers?: Fields): Request {
  return {
    method: typeof method === 'string' ? method.slice(0, 20) : undefined,
    url: typeof url === 'string' ? redactText(redactUrl(url.slice(0, 2000))) : undefined,
    ip: typeof ip === 'string' && net.isIP(ip) !== 0 ? ip : undefined,
    headers: headers === undefined ? undefined : headerTexts(headers),
  };
}

function headerTexts(headers: Fields): Record<string, string> {
  const entries = Object.entries(headers).slice(0, mostHeaders);
  return Object.fromEntries(
    Object.entries(redactAttributes(Object.fromEntries(entries))).map(([name, value]) => [
      name,
      String(value).slice(0, 500),
    ]),
  );
}

function read(from: Fields | undefined, name: string): unknown {
  try {
    return from?.[name];
  } catch {
    return undefined;
  }
}

/** Whether an address is one of these: single ones, or ranges such as `10.0.0.0/8`. Throws for what is neither. */
export function addressList(listed: readonly string[]): (ip: string) => boolean {
  const list = new net.BlockList();
  for (const text of listed) {
    const [address = '', bits] = text.split('/');
    const family = familyOf(address);
    if (family === undefined) throw new Error(`"${text}" is neither an address nor a range`);
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (ip) => {
    const bare = ip.replace(/^::ffff:(?=\d+\.)/i, '');
    const family = familyOf(bare);
    return family !== undefined && list.check(bare, family);
  };
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = net.isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}
