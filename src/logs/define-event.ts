/** Events whose fields the compiler knows. */
import { type Fields, getLogger, type LazyFields, type Logger } from './logger.ts';

/** Logs one event. An event without fields takes none. */
export type EventFunction<T extends object> = (
  ...fields: keyof T extends never ? [] : [fields: T | (() => T)]
) => void;

/**
 * A function that logs an event of this name as `log.event` does: at INFO, with its name as `event.name`. What is not
 * in `T`, or is missing, is a compile error; nothing is checked at run time. Fields may be built by a function, which
 * runs only if the record is made. Never throws.
 *
 * @param name snake_case by custom: `order_created`
 * @param logger whose name and bound fields the record has; `getLogger('events')` by default
 * @example
 * const orderCreated = defineEvent<{ orderId: number; total: string }>('order_created');
 * orderCreated({ orderId: 1042, total: '149.99' });
 */
export function defineEvent<T extends object = Record<never, never>>(
  name: string,
  logger: Logger = getLogger('events'),
): EventFunction<T> {
  return (fields?: object | (() => object)) => logger.event(name, fields as Fields | LazyFields | undefined);
}
