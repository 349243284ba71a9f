/** How long a new connection took to come about: on the span of the request that waited for it, not spans of its own. */
import type { Socket } from 'node:net';
import type { Span } from '@opentelemetry/api';

const laps = { lookup: 'sonde.dns_ms', connect: 'sonde.connect_ms', secureConnect: 'sonde.tls_ms' } as const;

export type ConnectionTimes = Partial<Record<(typeof laps)[keyof typeof laps], number>>;

/** Tells `note` each step of a connection that begins now, with its milliseconds. */
function followOpening(socket: Socket, note: (name: keyof ConnectionTimes, millis: number) => void): void {
  let since = performance.now();
  for (const [event, name] of Object.entries(laps)) {
    // A socket to an address looks nothing up.
    socket.once(event, () => {
      const now = performance.now();
      note(name, Math.round((now - since) * 100) / 100);
      since = now;
    });
  }
}

/** Puts `sonde.dns_ms`, `sonde.connect_ms` and `sonde.tls_ms` on `span`; a socket that is there already took no time. */
export function watchConnection(socket: Socket, span: Span): void {
  if (!socket.connecting || !span.isRecording()) return;
  followOpening(socket, (name, millis) => span.setAttribute(name, millis));
}

/** The same where the socket is known before the request that will take it first. */
export function connectionTimes(socket: Socket): ConnectionTimes {
  const times: ConnectionTimes = {};
  followOpening(socket, (name, millis) => {
    times[name] = millis;
  });
  return times;
}
