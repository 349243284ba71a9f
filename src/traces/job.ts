/** Work that nobody waits for: jobs of a queue, scripts, cron. Its errors are told, and stay errors (A32). */
import { type Span, SpanKind, trace } from '@opentelemetry/api';
import { activeContext, rootContext, runIn } from '../context/context.ts';
import { correlationOf, withCorrelation } from '../context/correlation.ts';
import { propagation } from '../context/propagation.ts';
import { diagnostics } from '../diagnostics.ts';
import { getLogger } from '../logs/logger.ts';
import { reportError } from '../logs/report.ts';
import { nameText } from '../processing/name-text.ts';
import { shared } from '../slot.ts';
import { VERSION } from '../version.ts';
import { recordError } from './span-error.ts';

export interface JobOptions {
  /** What the job is called in records and spans; the function's own name by default. */
  readonly name?: string;
  /** Errors of these classes are no surprise: they are a WARN, and the span does not fail. They are thrown on. */
  readonly expected?: readonly (abstract new (
    ...args: any[]
  ) => unknown)[];
}

type AnyFunction = (...args: any[]) => any;

const logger = 'sonde.jobs';

/**
 * `fn`, whose errors are recorded on the span of the job, told once by the logger `sonde.jobs`, and thrown on
 * unchanged, so that the queue retries as it would have. Within a job that Sonde sees, the job's own span is used;
 * elsewhere each call is a unit of work with a span and a correlation id of its own.
 *
 * @example new Worker('mail', wrapJob(sendMail, { expected: [NotFound] }));
 */
export function wrapJob<F extends AnyFunction>(fn: F, given: JobOptions = {}): F {
  if (typeof fn !== 'function') return fn;
  const options = readOptions(given);
  return function (this: unknown, ...args: unknown[]) {
    const name = nameText(options.name ?? (fn.name || 'job'));
    const work = () => fn.apply(this, args);
    const span = trace.getSpan(activeContext());
    const isUnit = correlationOf(activeContext()) !== undefined;
    if (span !== undefined && isUnit) return observed(work, (error) => tell(name, span, error, options));
    return inUnit(name, options, work);
  } as F;
}

/**
 * Runs `fn` as one unit of work: one root span, one correlation id, a record when it starts and one with its duration
 * when it ends. Gives back what `fn` gives; its errors are told once and thrown on, so that the exit code is what it
 * would have been. What is queued leaves at the natural end of the process.
 *
 * @example await runJob('nightly-import', importOrders, { expected: [NothingToImport] });
 */
export function runJob<T>(name: string, fn: () => T, given: Omit<JobOptions, 'name'> = {}): T {
  if (typeof fn !== 'function') {
    diagnostics.debug('runJob() was called without a function to run.');
    return undefined as T;
  }
  const options = readOptions(given);
  const title = nameText(name);
  const log = getLogger(logger);
  const start = performance.now();
  const duration = () => ({
    'job.name': title,
    duration_ms: Math.round((performance.now() - start) * 100) / 100,
  });
  return runIn(rootContext, () =>
    inUnit(title, options, () => {
      log.info(`Job started: ${title}`, { 'job.name': title });
      const ended = () => log.info(`Job ended: ${title}`, duration());
      return observed(fn, () => log.info(`Job ended with an error: ${title}`, duration()), ended);
    }),
  );
}

/** Options that cannot be read are none: the job runs all the same. */
function readOptions(given: JobOptions | null): JobOptions {
  try {
    const { name, expected } = given ?? {};
    return { name, expected };
  } catch {
    return {};
  }
}

/** A span and a correlation id for `work`, from the root. */
function inUnit<T>(name: string, options: JobOptions, work: () => T): T {
  const correlation = {
    id: propagation().newCorrelationId(),
    requestId: undefined,
    attributes: {},
  };
  const base = withCorrelation(rootContext, correlation);
  const span = trace.getTracer('sonde', VERSION).startSpan(name, { kind: SpanKind.INTERNAL }, base);
  return runIn(trace.setSpan(base, span), () =>
    observed(
      work,
      (error) => {
        tell(name, span, error, options);
        span.end();
      },
      () => span.end(),
    ),
  );
}

const expectedErrors = shared('traces.expected', () => new WeakSet<object>());

/** Whether a job has said of this very error that it is no surprise. */
export function isExpected(error: unknown): boolean {
  return typeof error === 'object' && error !== null && expectedErrors.has(error);
}

function tell(name: string, span: Span, error: unknown, { expected = [] }: JobOptions): void {
  const asExpected = expected.some((kind) => typeof kind === 'function' && error instanceof kind);
  if (asExpected) expectedErrors.add(error as object);
  else recordError(span, error);
  const level = asExpected ? 'WARN' : 'ERROR';
  reportError({ logger, message: `Job failed: ${name}`, error, level, fields: { 'job.name': name } });
}

const nothing = (): void => {};

/** Gives back what `work` gives, having seen how it ended, at once or later. */
function observed<T>(work: () => T, failed: (error: unknown) => void, done: () => void = nothing): T {
  try {
    const result = work();
    if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') {
      done();
      return result;
    }
    return (result as unknown as PromiseLike<unknown>).then(
      (value) => {
        done();
        return value;
      },
      (error: unknown) => {
        failed(error);
        throw error;
      },
    ) as T;
  } catch (error) {
    failed(error);
    throw error;
  }
}
