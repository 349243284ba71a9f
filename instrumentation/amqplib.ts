/** amqplib: one span for each message published and consumed; the context travels in the message's headers. */
import { activeContext, bindTo } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { forNobody, type Method } from './connection.ts';
import { loadedExports } from './loaded-modules.ts';
import { type Destination, type Messaging, messagingSensor } from './messaging.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';

/** What is read of a channel. */
interface Channel {
  readonly connection?: {
    readonly stream?: { readonly remoteAddress?: string; readonly remotePort?: number };
  };
}

interface Message {
  readonly fields?: { readonly exchange?: string; readonly routingKey?: string };
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
      const from = { system: 'rabbitmq', name: String(queue), operation: 'consume', ...placeOf(this) };
      // No message means that the server has cancelled the consumer.
      const process = function (this: unknown, message: Message | null) {
        const work = () => callback.call(this, message);
        return message === null ? work() : messaging.process(from, deliveredBy(message), work);
      };
      const bound = rest.map((each) => (typeof each === 'function' ? bindTo(activeContext(), each) : each));
      return original.call(this, queue, process, ...bound);
    };

  return [override<Method>(prototype, 'publish', publish), override<Method>(prototype, 'consume', consume)];
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
