/** Every shape in which people call the logger compiles, and what cannot be meant does not: run by nobody. */
import { audit, defineEvent, getLogger, type Logger, mask, security } from '../../src/index.ts';

declare const err: Error;
declare const thrown: unknown;
interface Order {
  readonly orderId: number;
  readonly total?: string;
}
declare const order: Order;

const log: Logger = getLogger('shop.orders');
getLogger(import.meta).info('by module');

// Design section 6: (msg) (msg, fields) (msg, err) (msg, err, fields) (err) (err, msg) (fields, msg) ({ err }, msg)
log.info('order created');
log.info('order created', { orderId: 1042 });
log.info('order created', { ...order });
log.error('charge failed', err);
log.error('charge failed', thrown);
log.error('charge failed', err, { orderId: 1042 });
log.error(err);
log.error(err, 'charge failed');
log.error(err, 'charge failed', { orderId: 1042 });
log.error(err, { orderId: 1042 });
log.error({ err, orderId: 1042 }, 'charge failed');
log.info({ orderId: 1042 });
log.info({ orderId: 1042 }, 'order %s', 'created');
// printf, templates, lazily built
log.info('task %s took %d ms', 'import', 12);
log.info('task {id} is {status}', { id: 7, status: 'done' });
log.debug('cart', () => ({ items: [1, 2] }));
log.debug(() => 'expensive');
log.debug(() => ['expensive', { a: 1 }] as const);
// Python's arguments (A71)
log.info('order created', { extra: { orderId: 1042 }, stack_info: true });
log.error('charge failed', { exc_info: err });

Promise.reject(err).catch(log.error);
log.exception(thrown, 'charge failed', { orderId: 1042 });
log.exception();
log.log('warning', 'odd', { a: 1 });
log.event('order_created', { orderId: 1042 });
log.with({ orderId: 1042 }).bind({ a: 1 }).child({ b: 2 }).info('bound');
log.level = 'debug';
if (log.isEnabled('trace')) log.trace('deep');

// @ts-expect-error a level that does not exist
log.level = 'loud';
// @ts-expect-error a level that does not exist
log.log('loud', 'x');
// @ts-expect-error fields are an object
log.with('orderId');
// @ts-expect-error fields of an event are an object or a function that builds one
log.event('order_created', 1042);
// @ts-expect-error a logger's name is fixed
log.name = 'other';

// Typed events: a wrong field is a compile error.
const created = defineEvent<Order>('order_created');
created({ orderId: 1042 });
created({ orderId: 1042, total: '149.99' });
created(order);
created(() => ({ orderId: 1042 }));
defineEvent<Order>('order_created', log.with({ shop: 'x' }))(order);
defineEvent('started')();

// @ts-expect-error a field is missing
created({});
// @ts-expect-error a field that the event does not have
created({ orderId: 1042, totl: '149.99' });
// @ts-expect-error a field of another type
created({ orderId: '1042' });
// @ts-expect-error fields are required
created();
// @ts-expect-error a built field of another type
created(() => ({ orderId: '1042' }));
// @ts-expect-error an event without fields takes none
defineEvent('started')({ a: 1 });
// @ts-expect-error fields are an object
defineEvent<string>('order_created');

export const shown: string = mask.last4('4111111111111111');
export const hashed: (value: string) => string = mask.hash('key');
export const hidden: string = mask.full('hunter2');
// @ts-expect-error a key is needed: without one everybody could guess
mask.hash();

// Security records and audit records (A65)
security('permission_denied', { task_id: 7 });
audit('orders_exported', { filters: { year: 2026 }, rows: 1042 });
// @ts-expect-error: a kind is a text.
security({ task_id: 7 });
// @ts-expect-error: fields are named.
audit('orders_exported', 1042);
