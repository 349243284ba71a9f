/** `node:http` and `node:https` servers: one span and one duration a request, its ids in everything it starts. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { enterContext, rootContext } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { seldom, timed } from '../src/overhead.ts';
import { isOwnRequest } from '../src/own-servers.ts';
import { exchangeKey, watchMessages } from './body-events.ts';
import { addHeaderLines } from './header-text.ts';
import { rejecting } from './host-test.ts';
import { handshakes } from './http-upgrade.ts';
import { override } from './override.ts';
import { open, type ServedByNode, ServerExchange } from './server-exchange.ts';
import { observeServers, type Server } from './server-observation.ts';

type Destroy = (this: ServerResponse, error?: Error) => ServerResponse;

function isRejected(request: ServedByNode): boolean {
  const exchange = request[exchangeKey];
  return exchange instanceof ServerExchange && exchange.isRejected;
}

/** What `_storeHeader` asks for each response. */
function echo(response: ServerResponse, headers: unknown): string {
  const exchange = (response.req as ServedByNode | undefined)?.[exchangeKey];
  if (!(exchange instanceof ServerExchange)) return '';
  return exchange.echoLine(response, headers) + exchange.timingLine(response);
}

/** A pipelined response that never got the socket is destroyed without an event. */
function abortsQueued(prototype: ServerResponse): () => void {
  return override(prototype, 'destroy', (original: Destroy): Destroy => {
    return function destroy(error) {
      const exchange = (this.req as ServedByNode | undefined)?.[exchangeKey];
      const result = original.call(this, error);
      if (this.socket === null && exchange instanceof ServerExchange) exchange.abort(this);
      return result;
    };
  });
}

/** What `http.server.request.start` tells. */
interface RequestStart {
  readonly request: ServedByNode;
  readonly response: ServerResponse;
  readonly server: object;
}

/** Observes every HTTP server of the process by diagnostics channels (rows A26 to A30). */
export function httpServer(): Instrumentation {
  const undo: (() => void)[] = [];
  let server: Server | undefined;
  let armed = false;

  function arm(): void {
    if (armed || server === undefined) return;
    armed = true;
    const { ServerResponse } = process.getBuiltinModule('node:http');
    undo.push(
      watchMessages(),
      addHeaderLines(ServerResponse.prototype, echo),
      abortsQueued(ServerResponse.prototype),
    );
  }

  const onRequestStart = timed(seldom, (message: unknown): void => {
    const { request, response, server: of } = message as RequestStart;
    arm();
    const isOwn = isOwnRequest(of, request.url ?? '');
    const exchange = isOwn ? undefined : open(server as Server, request, response);
    // An ignored request must not find the context of the one before it on the same socket.
    enterContext(exchange?.context ?? rootContext);
  });

  return {
    name: 'http',
    modules: ['node:http', 'node:https'],
    enable(sensors) {
      server = observeServers(sensors);
      subscribe('http.server.request.start', onRequestStart);
    },
    patch(exports) {
      arm();
      const { prototype } = exports.Server;
      // Innermost: what is around it has seen the request by then.
      if (server?.rejectsHosts) undo.push(rejecting(prototype, isRejected));
      undo.push(handshakes(prototype, (request) => server && open(server, request)));
    },
    disable() {
      unsubscribe('http.server.request.start', onRequestStart);
      for (const step of undo.splice(0)) step();
      server = undefined;
      armed = false;
    },
  };
}
