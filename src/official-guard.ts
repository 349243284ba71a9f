/**
 * Between Sonde and the official parts that an app gives it by `sdk` (A44): what one of them throws or rejects reaches
 * neither the app nor the other parts. It is counted, and said once a part and method.
 */
import { diagnostics } from './diagnostics.ts';
import type { Reader } from './metrics/collector.ts';
import type { OfficialInstrumentation, OfficialSampler, OfficialSpanProcessor } from './official.ts';

/** Milliseconds after which a flush that has not answered is told of. It is waited for as long as the caller likes. */
const slow = 900;

/** The processor, which may fail at each call. Its optional `onEnding` is kept. */
export function guardedProcessor(
  processor: OfficialSpanProcessor & { onEnding?(span: unknown): void },
): OfficialSpanProcessor {
  const name = `span processor ${classOf(processor)}`;
  return {
    onStart: (span, context) => attempt(name, 'onStart', () => processor.onStart(span, context)) as undefined,
    ...(typeof processor.onEnding === 'function' && {
      onEnding: (span: unknown) => attempt(name, 'onEnding', () => processor.onEnding?.(span)),
    }),
    onEnd: (span) => attempt(name, 'onEnd', () => processor.onEnd(span)) as undefined,
    forceFlush: () => awaited(name, 'forceFlush', () => processor.forceFlush()),
    shutdown: () => awaited(name, 'shutdown', () => processor.shutdown()),
  };
}

/** The sampler; where it fails, `standIn` decides. */
export function guardedSampler(sampler: OfficialSampler, standIn: OfficialSampler): OfficialSampler {
  const name = `sampler ${classOf(sampler)}`;
  return {
    shouldSample(...asked) {
      const decided = attempt(name, 'shouldSample', () => sampler.shouldSample(...asked));
      return decided ?? standIn.shouldSample(...asked);
    },
    toString: () => String(attempt(name, 'toString', () => sampler.toString())),
  };
}

/** The reader; where it cannot choose, the defaults hold. */
export function guardedReader(reader: Reader): Reader {
  const name = `metric reader ${classOf(reader)}`;
  return {
    setMetricProducer: (producer) => reader.setMetricProducer(producer),
    selectAggregation: (kind) => attempt(name, 'selectAggregation', () => reader.selectAggregation?.(kind)),
    selectAggregationTemporality: (kind) =>
      attempt(name, 'selectAggregationTemporality', () => reader.selectAggregationTemporality?.(kind)) ?? 0,
    selectCardinalityLimit: (kind) =>
      attempt(name, 'selectCardinalityLimit', () => reader.selectCardinalityLimit?.(kind)),
    forceFlush: (options) => awaited(name, 'forceFlush', () => reader.forceFlush(options)),
    shutdown: (options) => awaited(name, 'shutdown', () => reader.shutdown(options)),
  };
}

/** Does something to an instrumentation; the other ones do not suffer when it fails. */
export function tryInstrumentation(
  instrumentation: OfficialInstrumentation,
  method: 'enable' | 'disable',
  work: () => unknown,
): void {
  attempt(`instrumentation ${instrumentation.instrumentationName}`, method, work);
}

function attempt<T>(name: string, method: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    tell(name, method, 'threw', error);
    return undefined;
  }
}

async function awaited(name: string, method: string, work: () => Promise<void>): Promise<void> {
  const timer = setTimeout(() => tell(name, method, `has not answered for ${slow} ms`), slow).unref();
  try {
    await work();
  } catch (error) {
    tell(name, method, 'failed', error);
  } finally {
    clearTimeout(timer);
  }
}

function tell(name: string, method: string, what: string, error?: unknown): void {
  diagnostics.count('official.errors');
  const reason = error === undefined ? '.' : `: ${textOf(error)}.`;
  diagnostics.warnOnce(
    `official ${name} ${method}`,
    'SONDE_ERR_PART',
    `${method} of the ${name} ${what}${reason}`,
  );
}

function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'an error that has no text';
  }
}

function classOf(part: object): string {
  try {
    return part.constructor.name;
  } catch {
    return 'of no class';
  }
}
