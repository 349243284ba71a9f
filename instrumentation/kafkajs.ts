/** kafkajs: one span for each call that sends and for each message or batch handled; the context travels in headers. */
import type { Attributes, Span } from '@opentelemetry/api';
import { rootContext, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { forNobody, type Method } from './connection.ts';
import type { Delivered } from './delivered.ts';
import { type Destination, type Messaging, messagingSensor, nameOfAll } from './messaging.ts';
import { override } from './override.ts';

interface Message {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly offset?: string;
  readonly partition?: number;
  readonly headers?: object;
}

interface TopicMessages {
  readonly topic?: unknown;
  readonly messages?: unknown;
}

/** What a handler is called with, for one message or for a batch. */
interface Payload {
  readonly topic: string;
  readonly partition: number;
  readonly message: Message;
}
interface BatchPayload {
  readonly batch: {
    readonly topic: string;
    readonly partition: number;
    readonly messages: readonly Message[];
  };
}

type Write = (carrier: object) => void;

/** Kafka by `kafkajs` 2, CommonJS and ES modules alike. */
export function kafkajs(): Instrumentation {
  const undo: (() => void)[] = [];
  /** Producers and consumers outlive the patch; once it is gone they are as they were. */
  let messaging: Messaging | undefined;
  const seen = () => messaging;

  return {
    name: 'kafkajs',
    modules: ['kafkajs'],
    patch({ Kafka }, _specifier, sensors) {
      messaging = messagingSensor(sensors);
      const producer = (original: Method): Method =>
        function (this: unknown, ...args) {
          return watchProducer(original.apply(this, args), seen);
        };
      const consumer = (original: Method): Method =>
        function (this: unknown, options, ...rest) {
          const made = original.call(this, options, ...rest);
          return watchConsumer(made, options?.groupId, seen);
        };
      undo.push(override<Method>(Kafka.prototype, 'producer', producer));
      undo.push(override<Method>(Kafka.prototype, 'consumer', consumer));
    },
    disable() {
      messaging = undefined;
      for (const restore of undo.splice(0)) restore();
    },
  };
}

type Seen = () => Messaging | undefined;

function watchProducer(producer: object, seen: Seen): object {
  const transaction = (original: Method): Method =>
    async function (this: unknown, ...args) {
      return watchSending(await original.apply(this, args), seen);
    };
  override<Method>(producer, 'transaction', transaction);
  override<Method>(producer, 'connect', forNobody);
  return watchSending(producer, seen);
}

function watchSending(sender: object, seen: Seen): object {
  const send = (original: Method): Method =>
    function (this: unknown, record, ...rest) {
      const call = ([one]: unknown[]) => original.call(this, one, ...rest);
      return sent(seen(), 'send', [record], call);
    };
  const sendBatch = (original: Method): Method =>
    function (this: unknown, batch, ...rest) {
      const topics = batch?.topicMessages;
      if (!Array.isArray(topics)) return original.call(this, batch, ...rest);
      const call = (topicMessages: unknown[]) => original.call(this, { ...batch, topicMessages }, ...rest);
      return sent(seen(), 'sendBatch', topics, call);
    };
  override<Method>(sender, 'send', send);
  override<Method>(sender, 'sendBatch', sendBatch);
  return sender;
}

/** Sends, by `call`, the messages of some topics. */
function sent(
  messaging: Messaging | undefined,
  operation: string,
  topics: readonly TopicMessages[],
  call: (topics: unknown[]) => unknown,
): unknown {
  if (messaging === undefined) return call([...topics]);
  const messages = topics.flatMap((each) => (Array.isArray(each?.messages) ? each.messages : []));
  const to = { system: 'kafka', name: nameOfAll(topics.map((each) => each?.topic)), operation };
  const work = async (write: Write, span: Span): Promise<unknown> => {
    if (messages.length === 1) span.setAttributes(keyOf(messages[0] ?? {}));
    const result = await call(topics.map((each) => withContext(each, write)));
    if (Array.isArray(result) && result.length === 1) span.setAttributes(placeOf(result[0]));
    return result;
  };
  return messaging.send(to, work, messages.length);
}

/** A copy whose messages carry the context; what is no list of messages is left to kafkajs to refuse. */
function withContext(topic: TopicMessages, write: Write): TopicMessages {
  if (!Array.isArray(topic?.messages)) return topic;
  return { ...topic, messages: topic.messages.map((message) => carrying(message, write)) };
}

function carrying(message: Message, write: Write): Message {
  if (typeof message !== 'object' || message === null) return message;
  const { headers = {} } = message;
  if (typeof headers !== 'object' || headers === null) return message;
  const carrier = { ...headers };
  write(carrier);
  return { ...message, headers: carrier };
}

function watchConsumer(consumer: object, group: unknown, seen: Seen): object {
  const named = typeof group === 'string' ? { 'messaging.consumer.group.name': group } : {};
  const eachMessage = (handler: Method): Method =>
    function (this: unknown, payload: Payload, ...rest) {
      const { topic, partition, message } = payload;
      const work = () => handler.call(this, payload, ...rest);
      const attributes = {
        ...named,
        ...keyOf(message),
        ...placeOf({ partition, baseOffset: message.offset }),
      };
      const from = { system: 'kafka', name: topic, operation: 'eachMessage' };
      return handled(seen(), from, { carrier: message.headers, attributes }, work);
    };
  const eachBatch = (handler: Method): Method =>
    function (this: unknown, payload: BatchPayload, ...rest) {
      const { topic, messages } = payload.batch;
      const work = () => handler.call(this, payload, ...rest);
      const from = { system: 'kafka', name: topic, operation: 'eachBatch' };
      const delivered = messages.map(({ headers }) => ({ carrier: headers, attributes: named }));
      return handled(seen(), from, delivered, work);
    };
  const run = (original: Method): Method =>
    function (this: unknown, options, ...rest) {
      const own = { ...options };
      if (typeof own.eachMessage === 'function') own.eachMessage = eachMessage(own.eachMessage);
      if (typeof own.eachBatch === 'function') own.eachBatch = eachBatch(own.eachBatch);
      return runIn(rootContext, () => original.call(this, own, ...rest));
    };
  override<Method>(consumer, 'connect', forNobody);
  override<Method>(consumer, 'run', run);
  return consumer;
}

function handled(
  messaging: Messaging | undefined,
  from: Destination,
  delivered: Delivered | readonly Delivered[],
  work: () => unknown,
): unknown {
  return messaging === undefined ? work() : messaging.process(from, delivered, work);
}

function keyOf({ key, value }: Message): Attributes {
  const text = Buffer.isBuffer(key) ? key.toString() : key;
  return {
    ...(typeof text === 'string' && { 'kafka.message.key': text }),
    ...(value === null && { 'kafka.message.tombstone': true }),
  };
}

function placeOf({ partition, baseOffset }: { partition?: unknown; baseOffset?: unknown }): Attributes {
  const offset = Number(baseOffset ?? Number.NaN);
  return {
    ...(typeof partition === 'number' && { 'messaging.destination.partition.id': String(partition) }),
    ...(Number.isSafeInteger(offset) && { 'kafka.offset': offset }),
  };
}
