/**
 * Koa 2 and 3 with `@koa/router`: the route that matched, errors as a middleware throws them, whoever catches them
 * further out, `ctx.log` and `ctx.correlationId`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Instrumentation } from '../src/instrumentation.ts';
import { correlationIdOf, lend, requestLogger, setError, setSubject } from './framework.ts';
import { type Around, around, middlewareSpans } from './middleware-spans.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import type { SubjectView } from './served-request.ts';

interface KoaContext {
  readonly req: IncomingMessage;
}

type Middleware = (this: unknown, context: KoaContext, next: () => Promise<unknown>) => unknown;
type Use = (this: object, middleware: Middleware) => unknown;
type CreateContext = (this: object, request: IncomingMessage, response: ServerResponse) => KoaContext;

const view: SubjectView = {
  userOf: (context: any) => context.state?.user?.id,
  routeOf(context: any) {
    const route: unknown = context._matchedRoute;
    if (route === undefined) return undefined;
    return String(route);
  },
};

export function koa(): Instrumentation {
  const done = patches();
  const logger = requestLogger('koa');

  return {
    name: 'koa',
    modules: ['koa'],
    patch(exports, _specifier, sensors) {
      const { prototype } = exports;
      done.once(prototype, () => {
        const context = contextPrototype(new exports());
        return [
          override<CreateContext>(prototype, 'createContext', remembering),
          override<Use>(prototype, 'use', watchingAll(around(middlewareSpans(sensors)))),
          lend(context, 'log', logger),
          lend(context, 'correlationId', function (this: KoaContext) {
            return correlationIdOf(this.req);
          }),
        ];
      });
    },
    disable: done.undo,
  };
}

/** An app's context is made from the one that all apps of a copy share. */
function contextPrototype(app: { readonly context: object }): object {
  return Object.getPrototypeOf(app.context);
}

function remembering(original: CreateContext): CreateContext {
  return function createContext(request, response) {
    const context = original.call(this, request, response);
    setSubject(request, context, view);
    return context;
  };
}

function watchingAll(spanned: Around | undefined): (original: Use) => Use {
  return (original) =>
    function use(middleware) {
      const isUsable = typeof middleware === 'function';
      return original.call(this, isUsable ? watching(middleware, spanned) : middleware);
    };
}

/** The same middleware to whoever looks at it: routers hang themselves onto theirs. */
function watching(middleware: Middleware, spanned: Around | undefined): Middleware {
  const watched: Middleware = function (context, next) {
    const failed = (error: unknown): void => setError(context.req, error);
    try {
      const run = () => middleware.call(this, context, next);
      const result = spanned === undefined ? run() : spanned(middleware.name, run);
      if (result instanceof Promise) result.then(undefined, failed);
      return result;
    } catch (error) {
      failed(error);
      throw error;
    }
  };
  return Object.defineProperties(watched, Object.getOwnPropertyDescriptors(middleware));
}
