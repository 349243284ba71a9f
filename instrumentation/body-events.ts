/**
 * Whose events these are. Node emits `data`, `end`, `close`, `finish`, ... of HTTP messages in the context of the
 * socket's parser: under AsyncContextFrame (Node 24 and later) in none, on a pooled socket in that of the request
 * that opened it. One `emit` on each prototype restores the right one; no emitter is bound by itself.
 */
import type { EventEmitter } from 'node:events';
import type { Context } from '@opentelemetry/api';
import { activeContext, runIn } from '../src/context/context.ts';
import { override } from './override.ts';

/** What a request and its response belong to, hung on the request. */
export interface Exchange {
  /** The context that the listeners of both messages run in. */
  readonly context: Context;
  /** Told of every event of both messages before their listeners are. */
  onEvent(message: EventEmitter, event: string | symbol): void;
}

/** The property of a request (`IncomingMessage` of a server, `ClientRequest`) that holds its exchange. */
export const exchangeKey: unique symbol = Symbol('sonde.exchange');

type Message = EventEmitter & { [exchangeKey]?: Exchange; req?: Message };
type Emit = (this: Message, event: string | symbol, ...args: unknown[]) => boolean;

/** Node's own last listener of a request, which needs no context: without it nobody may be listening. */
const nodesOwn = 'clearIncoming';

function isHeard(message: Message, event: string | symbol): boolean {
  const count = message.listenerCount(event);
  return count > 1 || (count === 1 && message.rawListeners(event)[0]?.name !== nodesOwn);
}

/** A message is a request with an exchange, or a response that points to it by `req`. */
function restoring(original: Emit): Emit {
  return function emit(event, ...args) {
    const exchange = this[exchangeKey] ?? this.req?.[exchangeKey];
    if (exchange === undefined) return original.call(this, event, ...args);
    exchange.onEvent(this, event);
    if (!isHeard(this, event) || activeContext() === exchange.context) {
      return original.call(this, event, ...args);
    }
    return emitIn(exchange.context, this, original, event, args);
  };
}

/** Apart, for what a closure holds is made anew with each event. */
function emitIn(
  context: Context,
  message: Message,
  original: Emit,
  event: string | symbol,
  args: unknown[],
): boolean {
  return runIn(context, () => original.call(message, event, ...args));
}

let holders = 0;
let restore: (() => void)[] = [];

/**
 * Restores contexts on every HTTP message of the process until the returned function was called as often as this
 * one. Loads `node:http`: call it when the app has.
 */
export function watchMessages(): () => void {
  holders += 1;
  if (holders === 1) {
    const { IncomingMessage, ServerResponse, ClientRequest } = process.getBuiltinModule('node:http');
    restore = [IncomingMessage, ServerResponse, ClientRequest].map(({ prototype }) =>
      override(prototype, 'emit', restoring),
    );
  }
  let held = true;
  return () => {
    if (held) release();
    held = false;
  };
}

function release(): void {
  holders -= 1;
  if (holders > 0) return;
  for (const undo of restore) undo();
  restore = [];
}
