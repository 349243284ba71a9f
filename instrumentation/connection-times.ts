/** How long a new connection took to come about: on the span of the request that waited for it, not spans of its own. */
import type { Socket } from 'node:net';
import type { Span } from '@opentelemetry/api';

/** Puts `sonde.dns_ms`, `sonde.connect_ms` and `sonde.tls_ms` on `span`; a socket that is there already took no time. */
export function watchConnection(socket: Socket, span: Span): void {
  if (!socket.connecting || !span.isRecording()) return;
  let since = performance.now();
  const lap = (name: string): void => {
    const now = performance.now();
    span.setAttribute(name, Math.round((now - since) * 100) / 100);
    since = now;
  };
  // A socket to an address looks nothing up.
  socket.once('lookup', () => lap('sonde.dns_ms'));
  socket.once('connect', () => lap('sonde.connect_ms'));
  socket.once('secureConnect', () => lap('sonde.tls_ms'));
}
