/** `upgrade` and `connect`: no channel tells of them, so the server's own `emit` does. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Context } from '@opentelemetry/api';
import { activeContext, rootContext, runIn } from '../src/context/context.ts';
import { exchangeKey } from './body-events.ts';
import { aborted } from './http-attributes.ts';
import { override } from './override.ts';

/** A request whose socket is handed over: it ends with the first line that is written to it. */
export interface Handshake {
  readonly context: Context;
  end(status: number | undefined, cause: string | undefined): void;
}

type Emit = (this: object, event: string | symbol, ...args: unknown[]) => boolean;
type Write = (this: Duplex, chunk: unknown, ...rest: unknown[]) => unknown;
type Open = (request: IncomingMessage) => Handshake | undefined;

/**
 * Observes the handshakes of every server of this class; `open` gives none for what is ignored. A server without a
 * listener emits neither event. `clientError` belongs to no request, and least of all to the last one.
 */
export function handshakes(prototype: Server, open: Open): () => void {
  return override(prototype, 'emit', (original: Emit): Emit => {
    return function emit(event, ...args) {
      if (event === 'upgrade' || event === 'connect') {
        const context = begin(event, args[0] as IncomingMessage, args[1] as Duplex, open);
        return runIn(context, () => original.call(this, event, ...args));
      }
      if (event === 'clientError') return runIn(rootContext, () => original.call(this, event, ...args));
      return original.call(this, event, ...args);
    };
  });
}

function begin(event: 'upgrade' | 'connect', request: IncomingMessage, socket: Duplex, open: Open): Context {
  // Servers hand a handshake on to other servers; it stays one.
  if (exchangeKey in request) return activeContext();
  const handshake = open(request);
  if (handshake === undefined) return rootContext;
  const undoPeek = peek(socket, (chunk) => settle(statusOf(chunk) ?? (event === 'connect' ? 200 : 101)));
  const settle = (status: number | undefined, cause?: string): void => {
    undoPeek();
    handshake.end(status, cause);
  };
  override(
    socket,
    'emit',
    restoring(handshake.context, () => settle(undefined, aborted)),
  );
  return handshake.context;
}

/** The socket's events, for as long as it lives, in the context of the request that it came from. */
function restoring(context: Context, onClose: () => void): (original: Emit) => Emit {
  return (original) =>
    function emit(event, ...args) {
      if (event === 'close') onClose();
      if (activeContext() === context) return original.call(this, event, ...args);
      return runIn(context, () => original.call(this, event, ...args));
    };
}

/** Shows the first chunk that is written, by `write` or by `end`. */
function peek(socket: Duplex, see: (chunk: unknown) => void): () => void {
  const showing = (original: Write): Write =>
    function write(chunk, ...rest) {
      see(chunk);
      return original.call(this, chunk, ...rest);
    };
  const undo = [override(socket, 'write', showing), override(socket, 'end', showing)];
  return () => {
    for (const step of undo.splice(0)) step();
  };
}

function statusOf(chunk: unknown): number | undefined {
  if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return undefined;
  const start =
    typeof chunk === 'string' ? chunk.slice(0, 12) : Buffer.from(chunk.subarray(0, 12)).toString('latin1');
  const status = /^HTTP\/1\.[01] (\d{3})$/.exec(start)?.[1];
  return status === undefined ? undefined : Number(status);
}
