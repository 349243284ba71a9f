/**
 * Hono on Node.js: the pattern of the last handler that ran, errors as a handler throws them, whatever `onError` makes
 * of them, `c.get('log')` and `c.get('correlationId')`. Its methods are made anew for every app, so handlers are seen
 * where each app adds them to its router.
 */
import type { IncomingMessage } from 'node:http';
import type { Instrumentation } from '../src/instrumentation.ts';
import { correlationIdOf, requestLogger, setError, setRoute, setSubject } from './framework.ts';
import { type Around, around, middlewareSpans } from './middleware-spans.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import type { SubjectView } from './served-request.ts';

/** As much of Hono's context as is used; `incoming` is there under `@hono/node-server`. */
interface HonoContext {
  readonly env?: { readonly incoming?: IncomingMessage };
  readonly error?: unknown;
  get(name: string): unknown;
  set(name: string, value: unknown): void;
}

type Handler = (context: HonoContext, next: unknown) => unknown;
/** What a router keeps for each handler. */
type Entry = readonly [handler: Handler, route: { readonly path: string; readonly method: string }];
type Add = (this: object, method: string, path: string, entry: Entry) => unknown;

const view: SubjectView = {
  userOf: (context: any) => context.get('user')?.id,
  routeOf: () => undefined,
  errorOf: (context: any) => context.error,
};

export function hono(): Instrumentation {
  const done = patches();
  const logger = requestLogger('hono');
  let spanned: Around | undefined;

  function meet(incoming: IncomingMessage, context: HonoContext): void {
    if (context.get('correlationId') !== undefined) return;
    setSubject(incoming, context, view);
    context.set('correlationId', correlationIdOf(incoming));
    if (context.get('log') === undefined) context.set('log', logger());
  }

  function watching([handler, route]: Entry): Handler {
    // `app.use` adds its middleware for every method and below a path: that is no route.
    const isRoute = route.method !== 'ALL' || !route.path.endsWith('*');
    const watched: Handler = (context, next) => {
      const incoming = context.env?.incoming;
      if (incoming === undefined) return handler(context, next);
      meet(incoming, context);
      if (isRoute) setRoute(incoming, route.path);
      const run = () => handler(context, next);
      return seen(incoming, spanned === undefined ? run : () => spanned?.(handler.name || route.path, run));
    };
    return Object.defineProperties(watched, Object.getOwnPropertyDescriptors(handler));
  }

  const adding = (original: Add): Add =>
    function add(method, path, entry) {
      const isHandler = Array.isArray(entry) && typeof entry[0] === 'function' && entry[1] !== undefined;
      return original.call(this, method, path, isHandler ? [watching(entry), entry[1]] : entry);
    };

  return {
    name: 'hono',
    modules: ['hono', 'hono/tiny', 'hono/quick'],
    takesNamespaces: true,
    patch({ Hono }, _specifier, sensors) {
      spanned = around(middlewareSpans(sensors));
      const router = Object.getPrototypeOf(new Hono().router);
      done.once(router, () => [override<Add>(router, 'add', adding)]);
    },
    disable: done.undo,
  };
}

/** The outcome as it is, its error told. */
function seen(incoming: IncomingMessage, run: () => unknown): unknown {
  const failed = (error: unknown): void => setError(incoming, error);
  try {
    const result = run();
    if (result instanceof Promise) result.then(undefined, failed);
    return result;
  } catch (error) {
    failed(error);
    throw error;
  }
}
