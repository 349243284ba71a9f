/**
 * Fastify 4 and 5, told of by its own channel when an instance is made, so that nothing of it is patched: the route
 * with its prefixes, errors whoever answers them, `request.log` where the app has no logger, `request.correlationId`.
 */
import type { IncomingMessage } from 'node:http';
import { correlationIdOf, requestLogger, setError, setRoute, setSubject } from './framework.ts';
import { markLogged } from './other-access-log.ts';
import type { SubjectView } from './served-request.ts';

type Done = (error?: unknown) => void;
type ErrorHandler = (this: unknown, error: unknown, request: FastifyRequest, reply: unknown) => unknown;

interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly routeOptions?: { readonly url?: string };
  readonly user?: { readonly id?: unknown };
  log: unknown;
  correlationId?: string;
}

interface LogController {
  isLogDisabled?(request: FastifyRequest): boolean;
}

/** As much of an instance as is used. */
export interface FastifyInstance {
  readonly log: { readonly level?: unknown; isLevelEnabled?(level: string): boolean };
  readonly initialConfig?: { readonly disableRequestLogging?: unknown };
  addHook(name: string, hook: (...args: any[]) => void): unknown;
  setErrorHandler(handler: ErrorHandler): unknown;
}

const view: SubjectView = {
  userOf: (request: any) => request.user?.id,
  routeOf: (request: any) => request.routeOptions?.url,
};

const logger = requestLogger('fastify');

/** Called with each instance before the app gets it: these hooks come first. */
export function watchFastify(instance: FastifyInstance): void {
  const logsRequest = ownRequestLog(instance);
  // Without a logger Fastify has one that says nothing.
  const isMute = typeof instance.log.level !== 'string';
  instance.addHook('onRequest', (request: FastifyRequest, _reply: unknown, done: Done) => {
    const { raw } = request;
    setSubject(raw, request, view);
    const route = request.routeOptions?.url;
    if (route !== undefined) setRoute(raw, route);
    if (isMute) lendLogger(request, route);
    else if (logsRequest(request)) markLogged(raw, 'Fastify');
    if (!('correlationId' in request)) request.correlationId = correlationIdOf(raw);
    done();
  });
  instance.addHook('onError', (request: FastifyRequest, _reply: unknown, error: unknown, done: Done) => {
    setError(request.raw, error);
    done();
  });
  // That hook is not called when the app's own error handler answers.
  instance.addHook('onRoute', (route: { errorHandler?: ErrorHandler }) => {
    if (typeof route.errorHandler === 'function') route.errorHandler = watched(route.errorHandler);
  });
  const { setErrorHandler } = instance;
  instance.setErrorHandler = function (handler: ErrorHandler) {
    return setErrorHandler.call(this, typeof handler === 'function' ? watched(handler) : handler);
  };
}

/** Fastify's own words on a route that is not there would come through it, too. */
function lendLogger(request: FastifyRequest, route: string | undefined): void {
  if (route !== undefined) request.log = logger();
}

const seen = new WeakMap<ErrorHandler, ErrorHandler>();

function watched(handler: ErrorHandler): ErrorHandler {
  const known = seen.get(handler);
  if (known !== undefined) return known;
  const watching: ErrorHandler = function (error, request, reply) {
    setError(request.raw, error);
    return handler.call(this, error, request, reply);
  };
  seen.set(handler, watching);
  seen.set(watching, watching);
  return watching;
}

/** Whether Fastify itself writes `request completed` for a request. */
function ownRequestLog(instance: FastifyInstance): (request: FastifyRequest) => boolean {
  const { log, initialConfig } = instance;
  const isHeard = log.isLevelEnabled?.('info') ?? true;
  const controller = controllerOf(instance);
  if (!isHeard) return () => false;
  if (typeof controller?.isLogDisabled === 'function')
    return (request) => !controller.isLogDisabled?.(request);
  const disabled = initialConfig?.disableRequestLogging === true;
  return () => !disabled;
}

function controllerOf(instance: object): LogController | undefined {
  const symbol = Object.getOwnPropertySymbols(instance).find(({ description }) =>
    /logcontroller/i.test(description ?? ''),
  );
  return symbol === undefined ? undefined : (instance as Record<symbol, LogController>)[symbol];
}
