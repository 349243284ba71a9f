/**
 * The records of requests that somebody else observes: spans and durations are then the other's, an access line nobody
 * else writes (A70). What a request ran in is read where its response gets its headers: whoever wraps whom by then.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context } from '@opentelemetry/api';
import type { Config } from '../src/config/config.ts';
import { activityOf, newActivity } from '../src/context/activity.ts';
import { activeContext } from '../src/context/context.ts';
import { requestOf } from '../src/context/request-context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { load } from '../src/load.ts';
import { isOwnRequest } from '../src/own-servers.ts';
import { addHeaderLines } from './header-text.ts';
import { pathOf } from './http-attributes.ts';
import { ignored, requestView } from './http-request.ts';
import type { RequestRecords } from './request-records.ts';

interface RequestStart {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: object;
}

/** A request on its way. */
interface Witnessed {
  readonly request: IncomingMessage;
  readonly startTime: number;
  /** As it came: frameworks write into `request.url`. */
  readonly path: string;
  /** What its handler ran in, once that has begun to answer. */
  context: Context | undefined;
}

/** Starts to write them; the returned function stops it. */
export function witnessRequests(config: Config): () => void {
  if (config.accessLog.mode === 'off') return () => {};
  const open = new WeakMap<ServerResponse, Witnessed>();
  const isIgnored = ignored(config.http.ignorePaths);
  let records: RequestRecords | undefined;
  let restore: (() => void) | undefined;

  function noteContext(response: ServerResponse): string {
    const witnessed = open.get(response);
    if (witnessed !== undefined && response.statusCode >= 200) witnessed.context ??= activeContext();
    return '';
  }

  function onStart(message: unknown): void {
    const { request, response, server } = message as RequestStart;
    const target = request.url ?? '';
    if (isOwnRequest(server, target) || isIgnored(target)) return;
    restore ??= addHeaderLines(process.getBuiltinModule('node:http').ServerResponse.prototype, noteContext);
    open.set(response, { request, startTime: performance.now(), path: pathOf(target), context: undefined });
    response.once('close', onClose);
  }

  function onClose(this: ServerResponse): void {
    const witnessed = open.get(this);
    if (witnessed === undefined) return;
    open.delete(this);
    write(witnessed, this);
  }

  function write(
    { request, startTime, path, context = activeContext() }: Witnessed,
    response: ServerResponse,
  ): void {
    records ??= load<typeof import('./request-records.ts')>('requests').requestRecords(config);
    const aborted = !response.writableFinished;
    records.write({
      ...{ request, response, context, path, aborted },
      activity: activityOf(context) ?? newActivity(),
      method: request.method as string,
      route: requestOf(context)?.route ?? requestView.routeOf(request),
      status: aborted && !response.headersSent ? undefined : response.statusCode,
      millis: Math.round((performance.now() - startTime) * 100) / 100,
      userId: records.userIdOf(request, requestView),
      error: undefined,
    });
  }

  const channel = 'http.server.request.start';
  subscribe(channel, onStart);
  return () => {
    unsubscribe(channel, onStart);
    restore?.();
  };
}

/** The same as a plug: idle until `begin` is called. */
export function accessWitness(): Instrumentation & { begin(): void } {
  let config: Config | undefined;
  let stop: (() => void) | undefined;
  return {
    name: 'access',
    modules: [],
    enable(sensors) {
      config = sensors.config;
    },
    begin() {
      if (config !== undefined) stop ??= witnessRequests(config);
    },
    disable: () => stop?.(),
  };
}
