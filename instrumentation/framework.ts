/** What the plug of every web framework tells and lends. Requests that are not observed are nobody's: nothing happens. */
import type { IncomingMessage } from 'node:http';
import { getLogger, type Logger } from '../src/logs/logger.ts';
import { type Exchange, exchangeKey } from './body-events.ts';
import type { SubjectView } from './served-request.ts';
import { ServerExchange } from './server-exchange.ts';

type Observed = { readonly [exchangeKey]?: Exchange } | null | undefined;

function exchangeOf(request: unknown): ServerExchange | undefined {
  const exchange = (request as Observed)?.[exchangeKey];
  return exchange instanceof ServerExchange ? exchange : undefined;
}

/** The route (`/orders/:id`) that this request is served by; the last one told holds. */
export function setRoute(request: IncomingMessage, route: string): void {
  const exchange = exchangeOf(request);
  if (exchange !== undefined) exchange.rpc.route = route;
}

/** What handlers get for the request, where that is another object, and how it is read. */
export function setSubject(request: IncomingMessage, subject: unknown, view: SubjectView): void {
  const exchange = exchangeOf(request);
  if (exchange === undefined) return;
  exchange.subject = subject;
  exchange.view = view;
}

/** What a handler threw. The first one counts; it is told if the answer becomes a 5xx. */
export function setError(request: IncomingMessage, error: unknown): void {
  const exchange = exchangeOf(request);
  if (exchange !== undefined) exchange.error ??= error;
}

/** The correlation id of a request, wherever it is asked for. */
export function correlationIdOf(request: unknown): string | undefined {
  return exchangeOf(request)?.id;
}

/**
 * A member that handlers find on what they get for a request, and that the app may write over as if it were not
 * there. An app's own member of that name stays.
 */
export function lend(target: object, name: string, read: (this: any) => unknown): () => void {
  if (name in target) return () => {};
  Object.defineProperty(target, name, {
    configurable: true,
    get: read,
    set(value: unknown) {
      Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
    },
  });
  return () => void delete (target as Record<string, unknown>)[name];
}

/** The logger that a framework's handlers find, of the framework's name. Made when first asked for. */
export function requestLogger(framework: string): () => Logger {
  let logger: Logger | undefined;
  return () => {
    logger ??= getLogger(framework);
    return logger;
  };
}
