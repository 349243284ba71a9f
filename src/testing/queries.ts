/** The database calls of a test, and how they are told when there are too many (A72). */
import type { CollectedSpan } from './spans.ts';

/** Exactly so many, or a range. */
export type QueryBudget = number | { readonly atLeast?: number; readonly atMost: number };

interface Group {
  readonly summary: string;
  readonly askedAt: string;
  count: number;
}

/** Caches, not databases: what asks them is no query. */
const caches: readonly unknown[] = ['redis', 'memcached'];

/** Calls to a database among spans: statements, `BEGIN` and `COMMIT` included; what goes to a cache is none. */
export function queriesIn(spans: readonly CollectedSpan[]): CollectedSpan[] {
  return spans.filter(({ kind, attributes }) => {
    const system = attributes['db.system.name'];
    return kind === 'client' && system !== undefined && !caches.includes(system);
  });
}

/** What is wrong with their number, in words; `undefined` when it is as wanted. */
export function missedCount(queries: readonly CollectedSpan[], budget: QueryBudget): string | undefined {
  const { atLeast = 0, atMost } = typeof budget === 'number' ? { atLeast: budget, atMost: budget } : budget;
  const { length } = queries;
  if (length >= atLeast && length <= atMost) return undefined;
  const wanted = atLeast === atMost ? `${atMost}` : `${atLeast} to ${atMost}`;
  return [`${length} ${length === 1 ? 'query' : 'queries'} instead of ${wanted}`, ...grouped(queries)].join(
    '\n',
  );
}

/** The same statement five times or more for one piece of work, in words. */
export function repeatedIn(queries: readonly CollectedSpan[], mostTimes: number): string | undefined {
  const byWork = Map.groupBy(queries, ({ parentSpanId, attributes, name }) =>
    JSON.stringify([parentSpanId, attributes['db.query.summary'] ?? name]),
  );
  const repeated = [...byWork.values()].filter(({ length }) => length >= mostTimes);
  if (repeated.length === 0) return undefined;
  return [`N+1: one statement ${mostTimes} times or more`, ...grouped(repeated.flat())].join('\n');
}

/** One line per statement and place, the most frequent first. */
function grouped(queries: readonly CollectedSpan[]): string[] {
  const groups = new Map<string, Group>();
  for (const { attributes, name, askedAt = 'a place outside the app' } of queries) {
    const summary = String(attributes['db.query.summary'] ?? name);
    const key = JSON.stringify([summary, askedAt]);
    const group = groups.get(key) ?? { summary, askedAt, count: 0 };
    group.count += 1;
    groups.set(key, group);
  }
  return [...groups.values()]
    .sort((a, b) => b.count - a.count)
    .map(({ summary, askedAt, count }) => `    ${count} x ${summary}  at ${askedAt}`);
}
