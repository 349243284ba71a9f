/** Where each signal goes: endpoints made final from what was said, for the protocol that holds. */
import type { OtlpProtocol, Signal } from './config.ts';
import type { Setting } from './layer.ts';

const httpBase = 'http://localhost:4318';
const grpcBase = 'http://localhost:4317';

/** Where OTLP goes when nobody names a place: the specification's own address. */
export function defaultBase(protocol: OtlpProtocol): string {
  return protocol === 'grpc' ? grpcBase : httpBase;
}

function parseUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url && /^https?:$/.test(url.protocol) && url.hostname !== '' ? url : undefined;
}

/**
 * A Unix socket, in the two usual spellings: `unix:///run/otel.sock` as gRPC names it, which has no room for a path of
 * the request; `http+unix://%2Frun%2Fotel.sock/prefix`, which has.
 */
function socketUrl(text: string): URL | undefined {
  const plain = /^unix:(?:\/\/)?(\/[^?#]+)$/i.exec(text)?.[1];
  if (plain !== undefined) return new URL(`http+unix://${encodeURIComponent(plain)}`);
  return /^http\+unix:\/\/%2f[^/?#]+/i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

function socketEndpoint(url: URL, signal: Signal, protocol: OtlpProtocol, isBase: boolean): string {
  if (protocol === 'grpc') return `${url.protocol}//${url.host}`;
  // One signal's own address is used as it is; without a path it would go nowhere.
  const path = url.pathname.replace(/\/$/, '');
  if (isBase || path === '') url.pathname = `${path}/v1/${signal}`;
  return url.href;
}

/** A base URL gets the signal's path before its query; one that was said for this signal stays as it is. */
function httpEndpoint(text: string, signal: Signal, isBase: boolean): string | undefined {
  const url = parseUrl(text);
  if (!url || !/^https?:\/\//i.test(text)) return undefined;
  if (isBase) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/${signal}`;
  return url.href;
}

/** `scheme://host:port`; grpc has no path. A bare `host:port` is secure unless said otherwise. */
function grpcEndpoint(text: string, insecure: boolean): string | undefined {
  const hasScheme = /^https?:\/\//i.test(text);
  if (!hasScheme && (text.includes('://') || /[/?#@]/.test(text))) return undefined;
  const url = parseUrl(hasScheme ? text : `${insecure ? 'http' : 'https'}://${text}`);
  return url && `${url.protocol}//${url.host}`;
}

/** The final endpoint of a signal, or undefined if `setting` cannot be one for this protocol. */
export function endpointOf(
  setting: Setting | undefined,
  signal: Signal,
  protocol: OtlpProtocol,
  insecure: boolean,
): string | undefined {
  const { value, isBase } = setting ?? { value: defaultBase(protocol), isBase: true };
  const text = String(value);
  const socket = socketUrl(text);
  if (socket !== undefined) return socketEndpoint(socket, signal, protocol, isBase === true);
  return protocol === 'grpc' ? grpcEndpoint(text, insecure) : httpEndpoint(text, signal, isBase === true);
}

/** Follows the value in a message: what an endpoint for this protocol looks like. */
export function endpointTakes(protocol: OtlpProtocol): string {
  return protocol === 'grpc'
    ? 'host:port or a URL with http://, https:// or unix://'
    : 'a URL with http://, https:// or unix://, as http/protobuf and http/json need';
}
