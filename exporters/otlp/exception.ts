/** What was thrown, as the attributes of the semantic conventions. */
import { describeError, stackText } from '../../src/logs/error-shape.ts';
import { type SafeObject, safeText } from '../../src/processing/limits.ts';

/**
 * `exception.type`, `exception.message` and, where there is a stack, `exception.stacktrace`: the stack, then each error
 * of an AggregateError and each cause below it, as in a line. Takes whatever was thrown and never throws itself.
 */
export function exceptionAttributes(thrown: unknown, length: number): SafeObject {
  const shape = describeError(thrown);
  const stack = stackText(shape);
  return {
    'exception.type': safeText(shape.type, length),
    'exception.message': safeText(shape.message, length),
    ...(stack !== undefined && { 'exception.stacktrace': safeText(stack, length) }),
  };
}
