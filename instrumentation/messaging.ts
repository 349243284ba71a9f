/**
 * What every queue has in common: a producer span whose context travels in the message, and a unit of work for each
 * message that is processed, which continues it (A31).
 */
import {
  type Attributes,
  type Context,
  type Counter,
  type Histogram,
  INVALID_SPAN_CONTEXT,
  type Span,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import { activeContext, runIn } from '../src/context/context.ts';
import { propagation } from '../src/context/propagation.ts';
import { isSuppressed } from '../src/context/suppression.ts';
import type { Sensors } from '../src/instrumentation.ts';
import { reportError } from '../src/logs/report.ts';
import { isExpected } from '../src/traces/job.ts';
import { recordError } from '../src/traces/span-error.ts';
import { arrivedWith, type Delivered, linksTo } from './delivered.ts';

/** Where messages go or come from. */
export interface Destination {
  /** `messaging.system.name`. */
  readonly system: string;
  /** `messaging.destination.name`: of few values, since it names spans and series; none where there are several. */
  readonly name: string | undefined;
  /** `messaging.operation.name`, as the library calls it. */
  readonly operation: string;
  readonly address?: string;
  readonly port?: number;
}

export interface Messaging {
  /**
   * Sends: `work` is called with a function that writes the context into what travels. Gives back what `work` gives;
   * what it throws goes on. `count`: how many messages go at once.
   */
  send<T>(to: Destination, work: (write: (carrier: object) => void, span: Span) => T, count?: number): T;
  /**
   * Runs `work` as the unit of work of one message, and gives back what it gives; what it throws goes on, told once.
   * Several messages are a unit of their own that is linked to each sender.
   */
  process<T>(from: Destination, messages: Delivered | readonly Delivered[], work: () => T): T;
  /** Asks for messages that the app processes by itself; `delivered` reads them in what came. */
  receive<T>(from: Destination, work: () => T, delivered: (result: Awaited<T>) => readonly Delivered[]): T;
}

/** Buckets in seconds that the semantic conventions advise. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export function messagingSensor({ tracer, meter, config }: Sensors): Messaging {
  const histogram = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries: buckets } });
  const counter = (name: string, description: string): Counter =>
    meter.createCounter(name, { unit: '{message}', description });
  const operations = histogram('messaging.client.operation.duration', 'Duration of sending messages.');
  const processing = histogram('messaging.process.duration', 'Duration of processing a message.');
  const sent = counter('messaging.client.sent.messages', 'Messages sent.');
  const consumed = counter('messaging.client.consumed.messages', 'Messages delivered to the application.');
  const retries = meter.createCounter('job.retries', {
    unit: '{job}',
    description: 'Jobs that were tried again after a failure.',
  });

  return {
    send(to, work, count = 1) {
      const caller = activeContext();
      if (isSuppressed(caller)) return work(() => {}, trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
      const point = pointOf(to);
      const attributes = {
        ...point,
        'messaging.operation.type': 'send',
        ...(count > 1 && { 'messaging.batch.message_count': count }),
      };
      const span = tracer.startSpan(spanName('send', to), { kind: SpanKind.PRODUCER, attributes }, caller);
      const context = trace.setSpan(caller, span);
      const write = (carrier: object) => propagation().inject(carrier, context);
      const start = performance.now();
      return followed(
        () => runIn(context, () => work(write, span)),
        (error) => {
          const failure = failureOf(error);
          if (error !== undefined) recordError(span, error);
          span.end();
          operations.record((performance.now() - start) / 1000, { ...point, ...failure }, context);
          sent.add(count, { ...point, ...failure }, context);
        },
      );
    },

    process(from, messages, work) {
      const point = pointOf(from);
      const all = [messages].flat();
      const { context, span } = startProcessing(from, all, point);
      const start = performance.now();
      consumed.add(all.length, point, context);
      const again = all.filter(({ attempt = 1 }) => attempt > 1).length;
      if (again > 0) retries.add(again, { 'messaging.destination.name': from.name }, context);
      return followed(
        () => runIn(context, work),
        (error) => {
          if (error !== undefined) tellFailure(error, span, context, from);
          span.end();
          const failure = failureOf(error);
          processing.record((performance.now() - start) / 1000, { ...point, ...failure }, context);
        },
      );
    },

    receive(from, work, delivered) {
      const caller = activeContext();
      if (isSuppressed(caller)) return work();
      const point = pointOf(from);
      const attributes = { ...point, 'messaging.operation.type': 'receive' };
      const span = tracer.startSpan(spanName('receive', from), { kind: SpanKind.CLIENT, attributes }, caller);
      const context = trace.setSpan(caller, span);
      const start = performance.now();
      return followed(
        () => runIn(context, work),
        (error, result) => {
          const messages = error === undefined ? delivered(result as Awaited<ReturnType<typeof work>>) : [];
          const failure = failureOf(error);
          span.addLinks(linksTo(messages.map(({ carrier }) => propagation().extract(carrier))));
          span.setAttributes(countOf(messages));
          if (error !== undefined) recordError(span, error);
          span.end();
          operations.record((performance.now() - start) / 1000, { ...point, ...failure }, context);
          consumed.add(messages.length, point, context);
        },
      );
    },
  };

  function startProcessing(
    from: Destination,
    messages: readonly Delivered[],
    point: Attributes,
  ): { context: Context; span: Span } {
    const { base, links } = arrivedWith(from.name, messages, config.messaging.relation === 'link');
    const [first] = messages;
    const own = messages.length === 1 ? ownOf(first) : countOf(messages);
    const attributes = { ...point, ...own, 'messaging.operation.type': 'process' };
    const options = { kind: SpanKind.CONSUMER, attributes, links };
    const span = tracer.startSpan(spanName('process', from), options, base);
    return { context: trace.setSpan(base, span), span };
  }
}

/** The name of the destination that all messages of one call have, if it is one. */
export function nameOfAll(names: readonly unknown[]): string | undefined {
  const [name, ...others] = new Set(names);
  return others.length === 0 && typeof name === 'string' ? name : undefined;
}

function spanName(operation: string, { name }: Destination): string {
  return name === undefined ? operation : `${operation} ${name}`;
}

function ownOf({ attributes, attempt }: Delivered = { carrier: undefined }): Attributes {
  return { ...attributes, ...(attempt !== undefined && { 'job.attempt': attempt }) };
}

function countOf(messages: readonly unknown[]): Attributes {
  return { 'messaging.batch.message_count': messages.length };
}

function pointOf({ system, name, operation, address, port }: Destination): Attributes {
  return {
    'messaging.system.name': system,
    ...(name !== undefined && { 'messaging.destination.name': name }),
    'messaging.operation.name': operation,
    ...(address !== undefined && { 'server.address': address }),
    ...(address !== undefined && port !== undefined && { 'server.port': port }),
  };
}

function failureOf(error: unknown): Attributes | undefined {
  if (error === undefined) return undefined;
  return { 'error.type': error instanceof Error ? error.name || 'Error' : '_OTHER' };
}

/** What a job calls expected it has told itself. */
function tellFailure(error: unknown, span: Span, context: Context, { name }: Destination): void {
  if (isExpected(error)) return;
  recordError(span, error);
  reportError({ logger: 'sonde.jobs', message: `Message failed: ${name ?? 'several'}`, error, context });
}

/** Calls `ended` when `work` is through, with what it threw; a thrown `undefined` counts as an error, too. */
function followed<T>(work: () => T, ended: (error?: unknown, result?: unknown) => void): T {
  const failed = (error: unknown): never => {
    ended(error ?? new Error('undefined was thrown'));
    throw error;
  };
  let result: T;
  try {
    result = work();
  } catch (error) {
    return failed(error);
  }
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') {
    ended(undefined, result);
    return result;
  }
  return (result as unknown as PromiseLike<unknown>).then((value) => {
    ended(undefined, value);
    return value;
  }, failed) as T;
}
