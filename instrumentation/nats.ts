/**
 * NATS, core and JetStream: one span for each message published, requested and handled by a callback. A loop over a
 * subscription has no callback that could be entered: there `extract(message, fn)` continues the sender's context.
 */
import { dirname, join } from 'node:path';
import type { Instrumentation } from '../src/instrumentation.ts';
import { forNobody, type Method } from './connection.ts';
import type { Delivered } from './delivered.ts';
import { moduleCache } from './loaded-modules.ts';
import { type Destination, type Messaging, messagingSensor } from './messaging.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';

/** What is read of a connection. */
interface Connection {
  readonly options?: { readonly inboxPrefix?: string };
  readonly protocol?: {
    readonly info?: { readonly headers?: boolean; readonly max_payload?: number };
    readonly server?: { readonly hostname?: string; readonly port?: number };
  };
}

interface Headers extends Iterable<readonly [name: string, values: readonly string[]]> {
  get(name: string): string;
  append(name: string, value: string): void;
  encode(): Uint8Array;
}

interface Message {
  readonly headers?: Headers;
  /** JetStream's messages only. */
  readonly seq?: number;
  readonly info?: { readonly deliveryCount?: number };
}

/** What is read of a consumer of JetStream. */
interface Consumer {
  readonly _info?: {
    readonly stream_name?: string;
    readonly config?: { readonly filter_subject?: string; readonly durable_name?: string };
  };
}

type MakeHeaders = () => Headers;

const defaultPort = 4222;

/** NATS by `@nats-io/transport-node` 3 with `@nats-io/jetstream` 3, CommonJS and ES modules alike. */
export function nats(): Instrumentation {
  const done = patches();

  return {
    name: 'nats',
    modules: ['@nats-io/nats-core/internal', '@nats-io/transport-node', '@nats-io/jetstream'],
    patch(exports, specifier, sensors, path) {
      const messaging = messagingSensor(sensors);
      const { NatsConnectionImpl, headers } = exports;
      done.once(NatsConnectionImpl, (connection) => patchConnection(connection, headers, messaging));
      if (specifier !== '@nats-io/jetstream') return;
      for (const consumer of consumersBeside(path)) {
        done.once(consumer, ({ prototype }) => patchConsumer(prototype, messaging));
      }
    },
    disable: done.undo,
  };
}

/** The classes of consumers are not exported. */
function consumersBeside(path = ''): { readonly prototype: object }[] {
  const exportsOf = (file: string) => moduleCache[join(dirname(path), file)]?.exports;
  return [exportsOf('consumer.js')?.PullConsumerImpl, exportsOf('pushconsumer.js')?.PushConsumerImpl].filter(
    (each) => each !== undefined,
  );
}

function patchConnection(
  connection: { readonly prototype: object },
  makeHeaders: MakeHeaders,
  messaging: Messaging,
): (() => void)[] {
  /** Headers of requests, which are published in turn. */
  const ours = new WeakSet<object>();

  const sending =
    (operation: string) =>
    (original: Method): Method =>
      function (this: Connection, subject, data, options, ...rest) {
        if (isProtocol(subject) || ours.has(options?.headers)) {
          return original.call(this, subject, data, options, ...rest);
        }
        return messaging.send(sentTo(this, subject, operation), (write) => {
          const headers = carrying(options?.headers, makeHeaders, write);
          if (headers === undefined || !hasRoom(this, data, headers)) {
            return original.call(this, subject, data, options, ...rest);
          }
          ours.add(headers);
          return original.call(
            this,
            subject,
            data,
            { ...(options ?? defaultsOf(operation)), headers },
            ...rest,
          );
        });
      };

  const subscribe = (original: Method): Method =>
    function (this: Connection, subject, options, ...rest) {
      if (typeof options?.callback !== 'function' || isProtocol(subject) || isInbox(this, subject)) {
        return original.call(this, subject, options, ...rest);
      }
      const from = { ...sentTo(this, subject, 'subscribe') };
      const callback = handling(options.callback, from, messaging);
      return original.call(this, subject, { ...options, callback }, ...rest);
    };

  const { prototype } = connection;
  return [
    override<Method>(connection, 'connect', forNobody),
    override<Method>(prototype, 'publish', sending('publish')),
    override<Method>(prototype, 'request', sending('request')),
    override<Method>(prototype, 'requestMany', sending('requestMany')),
    override<Method>(prototype, 'subscribe', subscribe),
  ];
}

/** What a request without options has. */
function defaultsOf(operation: string): object {
  if (operation === 'request') return { timeout: 1000, noMux: false };
  return operation === 'requestMany' ? { maxWait: 1000, maxMessages: -1 } : {};
}

/** A subscription's callback, whose message comes second. */
function handling(callback: Method, from: Destination, messaging: Messaging): Method {
  return function (this: unknown, error, message, ...rest) {
    const work = () => callback.call(this, error, message, ...rest);
    return error ? work() : messaging.process(from, deliveredBy(message), work);
  };
}

function patchConsumer(prototype: object, messaging: Messaging): (() => void)[] {
  const consume = (original: Method): Method =>
    function (this: Consumer, options, ...rest) {
      const { callback } = options ?? {};
      if (typeof callback !== 'function') return original.call(this, options, ...rest);
      const from = consumedFrom(this, 'consume');
      const process: Method = (message, ...more) =>
        messaging.process(from, deliveredBy(message), () => callback(message, ...more));
      return original.call(this, { ...options, callback: process }, ...rest);
    };
  const next = (original: Method): Method =>
    function (this: Consumer, ...args) {
      return messaging.receive(
        consumedFrom(this, 'next'),
        () => original.apply(this, args) as Promise<Message | null>,
        (message) => (message === null ? [] : [deliveredBy(message)]),
      );
    };
  return [override<Method>(prototype, 'consume', consume), override<Method>(prototype, 'next', next)];
}

/** JetStream's own requests and acknowledgements. */
function isProtocol(subject: unknown): boolean {
  return typeof subject !== 'string' || subject.startsWith('$JS.') || subject.startsWith('$SYS.');
}

/** Where one answer is expected. */
function isInbox({ options }: Connection, subject: string): boolean {
  return subject.startsWith(`${options?.inboxPrefix ?? '_INBOX'}.`);
}

function sentTo(connection: Connection, subject: string, operation: string): Destination {
  const { hostname: address, port } = connection.protocol?.server ?? {};
  const name =
    isInbox(connection, subject) || subject.startsWith('_INBOX.') ? '(temporary)' : bucketOf(subject);
  return { system: 'nats', name, operation, address, port: port === defaultPort ? undefined : port };
}

/** A key of a key-value store is no destination. */
function bucketOf(subject: string): string {
  return subject.startsWith('$KV.') || subject.startsWith('$O.') ? subject.split('.', 2).join('.') : subject;
}

function consumedFrom({ _info }: Consumer, operation: string): Destination {
  return { system: 'nats', name: _info?.config?.filter_subject ?? _info?.stream_name, operation };
}

/** A copy of the headers with the context in it; none where they are no headers. */
function carrying(
  given: Headers | undefined,
  makeHeaders: MakeHeaders,
  write: (carrier: object) => void,
): Headers | undefined {
  try {
    const headers = makeHeaders();
    for (const [name, values] of given ?? []) for (const value of values) headers.append(name, value);
    write(headers);
    return headers;
  } catch {
    return undefined;
  }
}

/** The server has to know headers, and takes no message beyond its limit, headers included. */
function hasRoom({ protocol }: Connection, data: unknown, headers: Headers): boolean {
  const { headers: knowsHeaders, max_payload: limit = 0 } = protocol?.info ?? {};
  if (knowsHeaders !== true) return false;
  const size = typeof data === 'string' ? Buffer.byteLength(data) : ((data as Uint8Array)?.length ?? 0);
  return size < limit / 2 || size + headers.encode().length <= limit;
}

function deliveredBy(message: Message): Delivered {
  const { headers, seq, info } = message;
  const id = headers?.get('Nats-Msg-Id') || (seq === undefined ? undefined : String(seq));
  return { carrier: headers, id, attempt: info?.deliveryCount };
}
