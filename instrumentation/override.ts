/** One method of a shared object replaced, and put back as if it had never been. */

type Method = (this: any, ...args: any[]) => any;

/**
 * Replaces `target[name]` by what `make` gives for the original; the returned function undoes it. When someone
 * else has wrapped the replacement meanwhile it cannot be taken out: it must be harmless by itself once its
 * instrumentation is disabled. Does nothing where there is no such method.
 */
export function override<M extends Method>(
  target: object,
  name: PropertyKey,
  make: (original: M) => M,
): () => void {
  const holder = target as Record<PropertyKey, Method>;
  const original = holder[name] as M | undefined;
  if (typeof original !== 'function') return () => {};
  const own = Object.getOwnPropertyDescriptor(target, name);
  const replacement = make(original);
  Object.defineProperty(target, name, {
    configurable: true,
    writable: true,
    enumerable: own?.enumerable ?? true,
    value: replacement,
  });
  return () => {
    if (holder[name] !== replacement) return;
    if (own === undefined) delete holder[name];
    else Object.defineProperty(target, name, own);
  };
}

/** The prototype that has `method` itself, from `start` upward; `undefined` where none has. */
export function ownerOf(start: object | undefined, method: PropertyKey): object | undefined {
  let owner: object | null | undefined = start;
  while (owner && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner);
  return owner ?? undefined;
}
