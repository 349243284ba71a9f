/** The unit of work of messages that have arrived, and their links to who sent them. */
import { type Attributes, type Context, type Link, trace } from '@opentelemetry/api';
import { rootContext } from '../src/context/context.ts';
import { correlationOf, withCorrelation } from '../src/context/correlation.ts';
import { propagation } from '../src/context/propagation.ts';

/** A message on its way in. */
export interface Delivered {
  /** What the producer wrote the context into, in whatever form. */
  readonly carrier: unknown;
  readonly id?: string;
  /** Which try of the queue it is, from 1, where the library tells. */
  readonly attempt?: number;
  /** Further attributes of the span. */
  readonly attributes?: Attributes;
}

/** Where the unit of work begins: at the sender of one message, for several at the root. */
export function arrivedWith(
  name: string | undefined,
  messages: readonly Delivered[],
  isLinked: boolean,
): { base: Context; links: Link[] } {
  const senders = messages.map(({ carrier }) => propagation().extract(carrier));
  const [only = rootContext] = senders;
  if (senders.length === 1) {
    const arrived = withMessage(only, name, messages[0]?.id);
    return isLinked
      ? { base: trace.deleteSpan(arrived), links: linksTo(senders) }
      : { base: arrived, links: [] };
  }
  return { base: withMessage(unitOfAll(senders), name, undefined), links: linksTo(senders) };
}

/** The correlation id that all have, or one of its own. */
function unitOfAll(senders: readonly Context[]): Context {
  const ids = new Set(senders.map((sender) => correlationOf(sender)?.id));
  const [id] = ids;
  const common = ids.size === 1 ? id : propagation().newCorrelationId();
  return withCorrelation(rootContext, { id: common, requestId: undefined, attributes: {} });
}

export function linksTo(senders: readonly Context[]): Link[] {
  return senders.flatMap((sender) => {
    const context = trace.getSpanContext(sender);
    return context === undefined ? [] : [{ context }];
  });
}

/** The unit of the message: its id and its queue are on every record and span of it. */
function withMessage(context: Context, queue: string | undefined, id: string | undefined): Context {
  const unit = correlationOf(context);
  return withCorrelation(context, {
    id: unit?.id,
    requestId: undefined,
    attributes: {
      ...(queue !== undefined && { 'messaging.destination.name': queue }),
      ...(id !== undefined && { 'messaging.message.id': id }),
    },
  });
}
