/** amqplib: one span for each message published and consumed; the context travels in the message's headers. */
import { type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { activeContext, bindTo } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { forNobody, type Method } from './connection.ts';
import { loadedExports } from './loaded-modules.ts';
import { type Destination, type Messaging, messagingSensor } from './messaging.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import { settled } from './settled.ts';

/** What is read of a channel. */
interface Channel {
  readonly connection?: {
    readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number };
  };
}

interface Message {
  readonly fields?: {
    readonly exchange?: string;
    readonly routingKey?: string;
    readonly deliveryTag?: number;
  };
  readonly properties?: { readonly headers?: object; readonly messageId?: unknown };
}

const defaultPort = 5672;

/** RabbitMQ by `amqplib` 0.10, 1 and 2, with promises or callbacks, CommonJS and ES modules alike. */
export function amqplib(): Instrumentation {
  const done = patches();

  return {
    name: 'amqplib',
    modules: ['amqplib', 'amqplib/callback_api', 'amqplib/callback_api.js'],
    patch(exports, _specifier, sensors) {
      const messaging = messagingSensor(sensors);
      for (const { Channel, ConfirmChannel } of models()) {
        done.once(Channel.prototype, (prototype) => patchChannel(prototype, messaging));
        done.once(ConfirmChannel.prototype, patchConfirmChannel);
      }
      if (!Object.isFrozen(exports)) done.add(override<Method>(exports, 'connect', forNobody));
    },
    disable: done.undo,
  };
}

interface Model {
  readonly Channel: { readonly prototype: object };
  readonly ConfirmChannel: { readonly prototype: object };
}

/** Channels come from connections; their classes are in files of their own, one for promises, one for callbacks. */
function models(): Model[] {
  const path = /[\\/]amqplib(?:-0)?[\\/]lib[\\/](?:channel|callback)_model\.js$/;
  return loadedExports(path).filter(({ Channel }) => Channel !== undefined);
}

function placeOf({ connection }: Channel): { address?: string; port?: number } {
  const { remoteAddress: address, remotePort } = connection?.stream ?? {};
  return { address, port: remotePort === defaultPort ? undefined : remotePort };
}

/** The exchange; of the default exchange the queue. */
function publishedTo(channel: Channel, exchange: unknown, routingKey: unknown): Destination {
  const name = typeof exchange === 'string' && exchange !== '' ? exchange : String(routingKey ?? '');
  return { system: 'rabbitmq', name, operation: 'publish', ...placeOf(channel) };
}

function patchChannel(prototype: object, messaging: Messaging): (() => void)[] {
  const publish = (original: Method): Method =>
    function (this: Channel, exchange, routingKey, content, options, ...rest) {
      return messaging.send(publishedTo(this, exchange, routingKey), (write, span) => {
        const headers = { ...options?.headers };
        write(headers);
        if (routingKey) span.setAttribute('rabbitmq.destination.routing_key', String(routingKey));
        return original.call(this, exchange, routingKey, content, { ...options, headers }, ...rest);
      });
    };

  const consume = (original: Method): Method =>
    function (this: Channel, queue, callback, ...rest) {
      if (typeof callback !== 'function') return original.call(this, queue, callback, ...rest);
      const channel = this;
      const from = { system: 'rabbitmq', name: String(queue), operation: 'consume', ...placeOf(this) };
      // No message means that the server has cancelled the consumer.
      const process = function (this: unknown, message: Message | null) {
        if (message === null) return callback.call(this, message);
        return messaging.process(from, deliveredBy(message), () =>
          underWay(channel, message, () => callback.call(this, message)),
        );
      };
      const bound = rest.map((each) => (typeof each === 'function' ? bindTo(activeContext(), each) : each));
      return original.call(this, queue, process, ...bound);
    };

  const refuse =
    (isMeant: (tag: number, args: any[]) => boolean) =>
    (original: Method): Method =>
      function (this: Channel, ...args) {
        const result = original.apply(this, args);
        for (const [tag, span] of processing.get(this) ?? []) if (isMeant(tag, args)) markRefused(span);
        return result;
      };
  const tagOf = (message: Message): number | undefined => message?.fields?.deliveryTag;
  const isOne = (tag: number, [message]: any[]) => tag === tagOf(message);
  const isUpTo = (tag: number, [message, allUpTo]: any[]) =>
    allUpTo ? tag <= (tagOf(message) ?? 0) : tag === tagOf(message);

  return [
    override<Method>(prototype, 'publish', publish),
    override<Method>(prototype, 'consume', consume),
    override<Method>(prototype, 'nack', refuse(isUpTo)),
    override<Method>(prototype, 'reject', refuse(isOne)),
    override<Method>(
      prototype,
      'nackAll',
      refuse(() => true),
    ),
  ];
}

/** The spans of the messages that each channel has under way, by delivery tag. */
const processing = new WeakMap<Channel, Map<number, Span>>();

/** Runs `work`, and remembers as long as it takes that the message can still be refused. */
function underWay<T>(channel: Channel, { fields }: Message, work: () => T): T {
  const span = trace.getSpan(activeContext());
  const tag = fields?.deliveryTag;
  if (span === undefined || tag === undefined) return work();
  const tags = processing.get(channel) ?? new Map<number, Span>();
  processing.set(channel, tags.set(tag, span));
  const forget = () => void tags.delete(tag);
  let isOver = true;
  try {
    const result = work();
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return result;
    isOver = false;
    return settled(result as Promise<unknown>, forget, forget) as T;
  } finally {
    if (isOver) forget();
  }
}

/** The app could not do what the message asked for, and threw nothing. */
function markRefused(span: Span): void {
  span.setAttribute('error.type', 'refused');
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'The message was refused.' });
}

/** The server's confirmation is told in the context of who published. */
function patchConfirmChannel(prototype: object): (() => void)[] {
  const publish = (original: Method): Method =>
    function (this: Channel, exchange, routingKey, content, options, callback, ...rest) {
      const bound = typeof callback === 'function' ? bindTo(activeContext(), callback) : callback;
      return original.call(this, exchange, routingKey, content, options, bound, ...rest);
    };
  return [override<Method>(prototype, 'publish', publish)];
}

function deliveredBy({ fields, properties }: Message) {
  const { messageId, headers } = properties ?? {};
  const key = fields?.routingKey;
  return {
    carrier: headers,
    id: messageId === undefined || messageId === null ? undefined : String(messageId),
    attributes: { ...(key && { 'rabbitmq.destination.routing_key': key }) },
  };
}
