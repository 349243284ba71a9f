/** The targets of a driver's connections and pools, each made once and remembered: what is computed for it stays. */
import type { DatabaseTarget } from './database.ts';

/** What a driver says of the server that it talks to. */
interface Server {
  readonly system: string;
  readonly namespace: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Instead of host and port. */
  readonly socketPath?: string | null | undefined;
}

/** A target by the conventions: a socket has no port, and the default port goes without saying. */
export function serverTarget(server: Server, defaultPort: number): DatabaseTarget {
  const { system, namespace, host, port, socketPath } = server;
  return {
    system,
    namespace,
    address: socketPath || host,
    port: socketPath || port === defaultPort ? undefined : port,
  };
}

/**
 * The target of each owner as `describe` gives it; anew when the app or the driver has moved the owner, as its `place`
 * shows: the namespace, for most.
 */
export function rememberedTarget<O extends object>(
  placeOf: (owner: O) => string | undefined,
  describe: (owner: O, place: string | undefined) => DatabaseTarget,
): (owner: O) => DatabaseTarget {
  const known = new WeakMap<O, { readonly place: string | undefined; readonly target: DatabaseTarget }>();
  return (owner) => {
    const place = placeOf(owner);
    const found = known.get(owner);
    if (found !== undefined && found.place === place) return found.target;
    const target = describe(owner, place);
    known.set(owner, { place, target });
    return target;
  };
}
