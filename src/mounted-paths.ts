/** Paths of Sonde's own on the app's HTTP server, without a framework and in front of it. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ownPaths, pathOf } from './own-servers.ts';

/** Answers a request; `false` leaves it to the app. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

const mounted: unique symbol = Symbol('sonde.mounted');

type Mountable = Server & { [mounted]?: Map<string, Answer> };

/** Whether it is a server at all; what throws at every touch is none. */
export function isMountable(given: unknown): given is Server {
  try {
    const { emit, on } = given as Server;
    return typeof emit === 'function' && typeof on === 'function';
  } catch {
    return false;
  }
}

/** One look at the path serves all who mount something. Gives back a function that takes the path off again. */
export function mountPath(server: Server, path: string, answer: Answer): () => void {
  const paths = pathsOf(server as Mountable);
  paths.set(path, answer);
  return () => {
    if (paths.get(path) === answer) paths.delete(path);
  };
}

function pathsOf(server: Mountable): Map<string, Answer> {
  if (server[mounted] !== undefined) return server[mounted];
  const paths = new Map<string, Answer>();
  Object.defineProperty(server, mounted, { value: paths });
  ownPaths(server, paths);
  const { emit } = server;
  server.emit = function emitUnlessMounted(this: Server, event: string | symbol, ...args: any[]): boolean {
    if (event === 'request' && isAnswered(paths, args[0], args[1])) return true;
    return Reflect.apply(emit, this, [event, ...args]);
  } as Server['emit'];
  return paths;
}

function isAnswered(
  paths: ReadonlyMap<string, Answer>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  return paths.get(pathOf(request.url ?? ''))?.(request, response) ?? false;
}
