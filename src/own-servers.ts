/** Servers and paths of Sonde's own: nobody observes their requests. */
import { shared } from './slot.ts';

interface Own {
  readonly servers: WeakSet<object>;
  /** By server of the app. */
  readonly paths: WeakMap<object, ReadonlyMap<string, unknown>>;
}

const own = shared<Own>('own servers', () => ({ servers: new WeakSet(), paths: new WeakMap() }));

/** Whether a request is to one of them. */
export function isOwnRequest(server: object, url: string): boolean {
  if (own.servers.has(server)) return true;
  const paths = own.paths.get(server);
  return paths?.has(pathOf(url)) === true;
}

/** The path of a request's target. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

/** From now on no request to `server` is traced, measured or logged. */
export function ownServer<T extends object>(server: T): T {
  own.servers.add(server);
  return server;
}

/** The same for these paths of a server of the app's; what is added to them later counts, too. */
export function ownPaths(server: object, paths: ReadonlyMap<string, unknown>): void {
  own.paths.set(server, paths);
}
