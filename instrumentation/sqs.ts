/**
 * Amazon SQS by the AWS SDK: one span for each call that sends or receives. What the app does with messages it has
 * received is its own affair, of which the SDK knows nothing: `extract(message, fn)` continues the sender's context.
 */
import type { Span } from '@opentelemetry/api';
import { keepCarrier } from '../src/context/carrier.ts';
import { propagation } from '../src/context/propagation.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import type { Method } from './connection.ts';
import type { Delivered } from './delivered.ts';
import { type Destination, type Messaging, messagingSensor } from './messaging.ts';
import { override } from './override.ts';

interface Client {
  readonly middlewareStack: { add(middleware: Middleware, options: object): void };
}

/** One call on its way through the SDK. */
interface Call {
  readonly input: any;
}
interface Outcome {
  readonly output?: any;
}
type Next = (call: Call) => Promise<Outcome>;
type Middleware = (next: Next, context: { readonly commandName?: string }) => Next;

interface Attribute {
  readonly StringValue?: unknown;
  readonly BinaryValue?: unknown;
}
type MessageAttributes = Record<string, Attribute>;

/** What is sent, and what is received. */
interface Message {
  readonly MessageBody?: unknown;
  readonly MessageId?: unknown;
  MessageAttributes?: MessageAttributes;
  MD5OfMessageAttributes?: string;
}

type Write = (carrier: object) => void;

/** A message takes no more attributes. */
const mostAttributes = 10;
/** Bytes of a call; queues take 1 MiB where that is allowed, and 256 KiB everywhere. */
const limits = [262_144, 1_048_576];

/** SQS by `@aws-sdk/client-sqs` 3, CommonJS and ES modules alike. */
export function sqs(): Instrumentation {
  const undo: (() => void)[] = [];
  let clients = new WeakSet<object>();
  /** Clients outlive the patch; once it is gone they are as they were. */
  let messaging: Messaging | undefined;

  const middleware: Middleware = (next, { commandName }) => {
    const see = commandName === undefined ? undefined : commands[commandName];
    return (call) => (see === undefined || messaging === undefined ? next(call) : see(messaging, call, next));
  };

  return {
    name: 'sqs',
    modules: ['@aws-sdk/client-sqs'],
    patch({ SQSClient }, _specifier, sensors) {
      messaging = messagingSensor(sensors);
      const send = (original: Method): Method =>
        function (this: Client, ...args) {
          if (!clients.has(this)) {
            clients.add(this);
            this.middlewareStack.add(middleware, { step: 'initialize', name: 'sonde', override: true });
          }
          return original.apply(this, args);
        };
      undo.push(override<Method>(SQSClient.prototype, 'send', send));
    },
    disable() {
      messaging = undefined;
      clients = new WeakSet();
      for (const restore of undo.splice(0)) restore();
    },
  };
}

type See = (messaging: Messaging, call: Call, next: Next) => Promise<Outcome>;

const sendMessage: See = (messaging, { input, ...rest }, next) =>
  messaging.send(queueOf(input, 'SendMessage'), async (write, span) => {
    const [message] = withContext([input], write);
    const outcome = await next({ ...rest, input: message });
    setId(span, outcome.output?.MessageId);
    return outcome;
  });

const sendMessageBatch: See = (messaging, call, next) => {
  const { input, ...rest } = call;
  if (!Array.isArray(input?.Entries)) return next(call);
  const work = (write: Write) =>
    next({ ...rest, input: { ...input, Entries: withContext(input.Entries, write) } });
  return messaging.send(queueOf(input, 'SendMessageBatch'), work, input.Entries.length);
};

const receiveMessage: See = (messaging, { input, ...rest }, next) => {
  const asked: readonly unknown[] = Array.isArray(input?.MessageAttributeNames)
    ? input.MessageAttributeNames
    : [];
  const hidden = asked.some((name) => name === 'All' || name === '.*') ? [] : fieldsBeside(asked);
  const names = hidden.length === 0 ? {} : { MessageAttributeNames: [...asked, ...hidden] };
  const work = async (): Promise<Outcome> => {
    const outcome = await next({ ...rest, input: { ...input, ...names } });
    for (const message of messagesOf(outcome)) takeContext(message, hidden);
    return outcome;
  };
  return messaging.receive(queueOf(input, 'ReceiveMessage'), work, (outcome) =>
    messagesOf(outcome).map((message): Delivered => ({ carrier: message })),
  );
};

const commands: Readonly<Record<string, See>> = {
  SendMessageCommand: sendMessage,
  SendMessageBatchCommand: sendMessageBatch,
  ReceiveMessageCommand: receiveMessage,
};

function queueOf(input: any, operation: string): Destination {
  const url = URL.parse(String(input?.QueueUrl));
  const name = url?.pathname.split('/').at(-1) || undefined;
  return { system: 'aws.sqs', name, operation, address: url?.hostname };
}

function setId(span: Span, id: unknown): void {
  if (typeof id === 'string') span.setAttribute('messaging.message.id', id);
}

/** Copies with the context in their attributes, or as they are where that would be too much. */
function withContext(messages: readonly Message[], write: Write): readonly Message[] {
  const carriers = messages.map((message) => carrying(message, write));
  const [before, after] = [sizeOf(messages), sizeOf(carriers)];
  const limit = limits.find((each) => before <= each) ?? 0;
  return after <= limit ? carriers : messages;
}

/** With as much of the context as there is room for, the trace and the correlation id first. */
function carrying(message: Message, write: Write): Message {
  if (typeof message !== 'object' || message === null) return message;
  const own = message.MessageAttributes ?? {};
  if (typeof own !== 'object') return message;
  const carrier: Record<string, string> = {};
  write(carrier);
  const taken = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const added = Object.entries(carrier)
    .filter(([name]) => !taken.has(name.toLowerCase()))
    .sort(([one], [other]) => rankOf(one) - rankOf(other))
    .slice(0, Math.max(mostAttributes - taken.size, 0))
    .map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]);
  return { ...message, MessageAttributes: { ...own, ...Object.fromEntries(added) } };
}

function rankOf(name: string): number {
  const { correlationHeader } = propagation();
  return ['traceparent', correlationHeader, 'tracestate'].indexOf(name) >>> 0;
}

function sizeOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => {
    const attributes = Object.entries(message?.MessageAttributes ?? {});
    const texts = attributes.flatMap(([name, value]) => [
      name,
      'String',
      value?.StringValue,
      value?.BinaryValue,
    ]);
    return [message?.MessageBody, ...texts].reduce<number>((all, text) => all + lengthOf(text), sum);
  }, 0);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.length : 0;
}

/** What the context is in, as far as the app does not ask for it. */
function fieldsBeside(asked: readonly unknown[]): string[] {
  return propagation()
    .textMap.fields()
    .filter((name) => !asked.includes(name));
}

function messagesOf({ output }: Outcome): Message[] {
  return Array.isArray(output?.Messages) ? output.Messages : [];
}

/** Keeps the context for `extract(message, fn)`, and hides what the app has not asked for. */
function takeContext(message: Message, hidden: readonly string[]): void {
  const { MessageAttributes: attributes } = message;
  if (typeof attributes !== 'object' || attributes === null) return;
  const values = Object.entries(attributes).map(([name, value]) => [
    name,
    value?.StringValue ?? value?.BinaryValue,
  ]);
  keepCarrier(message, Object.fromEntries(values));
  for (const name of hidden) delete attributes[name];
  if (Object.keys(attributes).length > 0) return;
  delete message.MessageAttributes;
  delete message.MD5OfMessageAttributes;
}
