/** A budget of queries for what a function does (A72). */
import { collect } from './collect.ts';
import { missedCount, type QueryBudget, queriesIn } from './queries.ts';

/**
 * Runs `fn` and gives back its result if it asked its databases as often as wanted, as Django's `assertNumQueries`
 * does. Counted is each statement that a driver sends, `BEGIN` and `COMMIT` too; a pipeline is one, a command to
 * Redis none. Only what `fn` itself starts counts, also in requests to an app of this process.
 *
 * @throws Error when there are more or fewer, with each statement's summary and where the app asked; and what `fn` throws
 * @example
 * await expectQueries(3, () => request(app, '/orders'));
 * await expectQueries({ atMost: 5 }, () => report.build());
 */
export async function expectQueries<T>(budget: QueryBudget, fn: () => T | Promise<T>): Promise<Awaited<T>> {
  const { result, spans } = await collect(fn);
  const missed = missedCount(queriesIn(spans), budget);
  if (missed !== undefined) throw new Error(missed);
  return result;
}
