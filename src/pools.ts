/** Pools and clients that instrumentations have seen in use, by kind; never kept alive by it. */
import { shared } from './slot.ts';

export const poolKinds = ['pg', 'mysql2', 'redis', 'ioredis', 'mongodb'] as const;
export type PoolKind = (typeof poolKinds)[number];

/** More of one kind than this are no pools but connections that somebody opens one by one. */
const mostOfAKind = 16;

interface Seen {
  readonly known: WeakSet<object>;
  readonly references: Map<PoolKind, readonly WeakRef<object>[]>;
}

const seen = shared<Seen>('pools', () => ({ known: new WeakSet(), references: new Map() }));

/** Called by an instrumentation whenever a pool opens a connection. */
export function notePool(kind: PoolKind, pool: object): void {
  if (seen.known.has(pool)) return;
  seen.known.add(pool);
  const living = (seen.references.get(kind) ?? []).filter((reference) => reference.deref() !== undefined);
  seen.references.set(kind, [...living, new WeakRef(pool)].slice(-mostOfAKind));
}

/** Those of a kind that are still there. */
export function poolsOf(kind: PoolKind): readonly object[] {
  return (seen.references.get(kind) ?? []).flatMap((reference) => reference.deref() ?? []);
}
