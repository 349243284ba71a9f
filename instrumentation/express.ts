/**
 * Express 4 and 5, and the package `router`: the route with the patterns of every router it is mounted in, errors as
 * they are thrown, `req.log` and `req.correlationId`. No span per middleware unless `http.middlewareSpans` asks.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { correlationIdOf, lend, requestLogger, setError, setRoute } from './framework.ts';
import { aroundNext, middlewareSpans } from './middleware-spans.ts';
import { override, ownerOf } from './override.ts';
import { patches } from './patches.ts';

/** Where the routers are mounted that a request has entered and not left. */
const mountsKey: unique symbol = Symbol('sonde.mounts');
/** The pattern that a router's layer was mounted at. */
const mountKey: unique symbol = Symbol('sonde.mount');

type Request = IncomingMessage & { [mountsKey]?: string };
type Next = (error?: unknown) => void;
type Handle = (this: object, request: Request, response: ServerResponse, next: Next) => unknown;
type HandleError = (this: object, error: unknown, ...rest: [Request, ServerResponse, Next]) => unknown;
type Use = (this: { readonly stack: Layer[] }, ...args: unknown[]) => unknown;

interface Layer {
  readonly route?: { readonly path: unknown };
  [mountKey]?: string;
  /** Of its function. */
  readonly name?: string;
}

/** One router of each copy is made to find what all of them share. */
interface Router {
  readonly stack: Layer[];
  use(path: string, handler: () => void): unknown;
}

export function express(): Instrumentation {
  const done = patches();
  /** pino-http gives a logger only to requests that have none. */
  let lendsLogger = true;
  const logger = requestLogger('express');

  return {
    name: 'express',
    modules: ['express', 'router', 'pino-http'],
    patch(exports, specifier, sensors) {
      if (specifier === 'pino-http') {
        lendsLogger = false;
        return;
      }
      const router: Router = specifier === 'router' ? exports() : exports.Router();
      router.use('/', () => {});
      done.once(ownerOf(router, 'handle'), patchRouter);
      done.once(Object.getPrototypeOf(router.stack[0]), (prototype) => patchLayer(prototype, sensors));
      done.once(exports.request, (request) => [
        lend(request, 'log', () => (lendsLogger ? logger() : undefined)),
        lend(request, 'correlationId', function (this: IncomingMessage) {
          return correlationIdOf(this);
        }),
      ]);
    },
    disable: done.undo,
  };
}

function patchRouter(prototype: object): readonly (() => void)[] {
  return [override<Use>(prototype, 'use', remembering), override<Handle>(prototype, 'handle', seeing)];
}

/** The pattern stays with the layer: the library keeps only what it matched. */
function remembering(original: Use): Use {
  return function use(...args) {
    const before = this.stack.length;
    const result = original.apply(this, args);
    const mount = mountOf(args[0]);
    if (mount !== '') for (const layer of this.stack.slice(before)) layer[mountKey] = mount;
    return result;
  };
}

function mountOf(path: unknown): string {
  if (typeof path === 'function' || (Array.isArray(path) && typeof path[0] === 'function')) return '';
  const text = textOf(path);
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

/** A text, a regular expression, or a list of them. */
function textOf(path: unknown): string {
  return Array.isArray(path) ? path.map(String).join(',') : String(path);
}

/** What leaves a router as an error; `route` and `router` are words of its own. */
function seeing(original: Handle): Handle {
  return function handle(request, response, next) {
    if (typeof next !== 'function') return original.call(this, request, response, next);
    return original.call(this, request, response, (error) => {
      if (error && error !== 'route' && error !== 'router') setError(request, error);
      next(error);
    });
  };
}

function patchLayer(prototype: object, sensors: Sensors): readonly (() => void)[] {
  const open = middlewareSpans(sensors);
  const proceed = (
    original: Handle,
    layer: Layer,
    request: Request,
    response: ServerResponse,
    next: Next,
  ) => {
    // The layer of a route only leads to those of its handlers.
    if (open === undefined || layer.route !== undefined) return original.call(layer, request, response, next);
    return aroundNext(open(layer.name ?? ''), response, next, (after) =>
      original.call(layer, request, response, after),
    );
  };

  const handle = (original: Handle): Handle =>
    function handleRequest(this: Layer, request, response, next) {
      const { route, [mountKey]: mount } = this;
      if (route !== undefined) setRoute(request, routeText(request[mountsKey] ?? '', textOf(route.path)));
      if (mount === undefined) return proceed(original, this, request, response, next);
      const outer = request[mountsKey] ?? '';
      request[mountsKey] = outer + mount;
      return proceed(original, this, request, response, (error) => {
        request[mountsKey] = outer;
        next(error);
      });
    };
  const handleError = (original: HandleError): HandleError =>
    function (this: object, error, request, response, next) {
      setError(request, error);
      return original.call(this, error, request, response, next);
    };
  return [
    // Express 5, then Express 4.
    ...['handleRequest', 'handle_request'].map((name) => override<Handle>(prototype, name, handle)),
    ...['handleError', 'handle_error'].map((name) => override<HandleError>(prototype, name, handleError)),
  ];
}

function routeText(mounts: string, path: string): string {
  return mounts !== '' && path === '/' ? mounts : mounts + path;
}
