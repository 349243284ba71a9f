/** What one request may cost and leave behind (A72). */
import { defaults } from '../config/config.ts';
import { addWatcher } from '../logs/pipeline.ts';
import type { LogRecord } from '../logs/record.ts';
import { redactedInUrl } from '../processing/masks.ts';
import type { App } from './app-server.ts';
import { type CapturedLogs, presented } from './capture.ts';
import { type Collected, collect } from './collect.ts';
import { missedCount, type QueryBudget, queriesIn, repeatedIn } from './queries.ts';
import { type RequestOptions, request, type TestResponse } from './request.ts';

/** What is not named may be anything. */
export interface RequestBudget {
  readonly status?: number;
  /** As `expectQueries` counts them. */
  readonly queries?: QueryBudget;
  /** No statement runs five times or more for one piece of work, one after the other or in parallel. */
  readonly noNPlusOne?: true;
  /** Nothing that was logged or traced held a secret, not even one that was redacted on its way. */
  readonly noSecrets?: true;
  /**
   * Each log record carries its trace id, a span id and a correlation id: those of the request, and those that were
   * written meanwhile without a trace, which is how a lost context looks.
   */
  readonly idsOnEveryLine?: true;
}

export interface ExpectedRequest {
  /**
   * Sends the request and gives back the answer if all is as the budget says.
   *
   * @throws Error that names everything that is not, with the statements and where the app asked
   */
  toHave(budget: RequestBudget): Promise<TestResponse>;
}

type Seen = Collected<TestResponse>;

/**
 * One request to an app of this process, as `request` sends it, held to a budget.
 *
 * @example
 * await expectRequest(app, '/orders').toHave({ queries: 3, noNPlusOne: true, noSecrets: true, idsOnEveryLine: true });
 */
export function expectRequest(app: App, target = '/', options: RequestOptions = {}): ExpectedRequest {
  return {
    async toHave(budget) {
      const strays = watchStrays();
      const seen = await collect(() => request(app, target, options)).finally(strays.stop);
      const missed = [...missedIn(seen, budget, strays.records)];
      if (missed.length === 0) return seen.result;
      const verb = options.method ?? (options.body === undefined ? 'GET' : 'POST');
      throw new Error(
        `${verb} ${target} is not as expected:\n${missed.map((each) => `- ${each}`).join('\n')}`,
      );
    },
  };
}

/** Records of nobody: what is written after a context was lost. */
function watchStrays(): { readonly records: LogRecord[]; stop(): void } {
  const records: LogRecord[] = [];
  const stop = addWatcher((record) => {
    if (record.stamp.traceId === undefined && !/^sonde(\.|$)/.test(record.logger)) records.push(record);
  });
  return { records, stop };
}

function* missedIn(seen: Seen, budget: RequestBudget, strays: readonly LogRecord[]): Iterable<string> {
  const { status, queries, noNPlusOne, noSecrets, idsOnEveryLine } = budget;
  const asked = queriesIn(seen.spans);
  if (status !== undefined && seen.result.status !== status)
    yield `status ${seen.result.status} instead of ${status}`;
  const count = queries === undefined ? undefined : missedCount(asked, queries);
  if (count !== undefined) yield count;
  const repeated = noNPlusOne ? repeatedIn(asked, defaults.db.nPlusOne) : undefined;
  if (repeated !== undefined) yield repeated;
  if (noSecrets) yield* secretsIn(seen);
  if (idsOnEveryLine) yield* linesWithoutIds([...seen.logs.records, ...presented(strays).records]);
}

/** A mask tells that a secret was there. */
function* secretsIn({ spans, logs }: Seen): Iterable<string> {
  for (const record of logs.records) {
    const where = placeOf(record);
    if (where !== undefined) yield `a secret in the record "${record.message}" of ${record.logger}: ${where}`;
  }
  for (const { name, attributes } of spans) {
    const where = placeOf(attributes);
    if (where !== undefined) yield `a secret in the span "${name}": ${where}`;
  }
}

/** The first member that was redacted. */
function placeOf(members: Readonly<Record<string, unknown>>): string | undefined {
  return Object.keys(members).find((name) => JSON.stringify(members[name])?.includes(redactedInUrl));
}

function* linesWithoutIds(records: CapturedLogs['records']): Iterable<string> {
  for (const record of records) {
    const missing = ['trace_id', 'span_id', 'correlation_id'].filter((name) => !record[name]);
    if (missing.length > 0)
      yield `no ${missing.join(' and no ')} in the record "${record.message}" of ${record.logger}`;
  }
}
