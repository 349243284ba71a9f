/** Spans in the app's own code. */
import { type Attributes, type Span, trace } from '@opentelemetry/api';
import { usableAttributes } from '../context/attributes.ts';
import { activeContext, runIn } from '../context/context.ts';
import { diagnostics } from '../diagnostics.ts';
import { nameText } from '../processing/name-text.ts';
import { VERSION } from '../version.ts';
import { recordError } from './span-error.ts';

/**
 * Runs `fn` inside a new span and gives back what it returns. An error, thrown or rejected, is recorded on the span
 * (once per error object, however many spans it crosses), sets its status, and goes on unchanged. The span ends when
 * `fn` returns, or when the promise it returned settles.
 *
 * @example
 * const receipt = await withSpan('charge card', { 'order.id': 1042 }, () => charge(order));
 */
export function withSpan<T>(name: string, fn: (span: Span) => T): T;
export function withSpan<T>(name: string, attributes: Attributes, fn: (span: Span) => T): T;
export function withSpan<T>(
  name: string,
  second: Attributes | ((span: Span) => T),
  third?: (span: Span) => T,
): T {
  const fn = (typeof third === 'function' ? third : second) as (span: Span) => T;
  if (typeof fn !== 'function') {
    diagnostics.debug('withSpan() was called without a function to run.');
    return undefined as T;
  }
  const attributes = fn === second ? undefined : usableAttributes(second);
  const parent = activeContext();
  const span = trace.getTracer('sonde', VERSION).startSpan(nameText(name), { attributes }, parent);
  return runIn(trace.setSpan(parent, span), () => settle(span, fn));
}

function settle<T>(span: Span, fn: (span: Span) => T): T {
  try {
    const result = fn(span);
    if (isThenable(result)) return follow(span, result) as T;
    span.end();
    return result;
  } catch (error) {
    fail(span, error);
    throw error;
  }
}

function follow<T>(span: Span, promise: PromiseLike<T>): PromiseLike<T> {
  return promise.then(
    (value) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      fail(span, error);
      throw error;
    },
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

function fail(span: Span, error: unknown): void {
  recordError(span, error);
  span.end();
}

/** The span of the running work, or `undefined` outside any. */
export function currentSpan(): Span | undefined {
  return trace.getSpan(activeContext());
}
