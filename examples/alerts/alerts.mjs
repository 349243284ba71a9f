/**
 * A storm of errors that does not become a storm of mails: one at once, and one that says how many more there were.
 * Mails become files here, so that nothing is sent; with `email: 'smtp://…'` in place of `file` they are mails.
 *
 *     node alerts.mjs
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getLogger, init } from 'sonde';

const folder = join(import.meta.dirname, 'mails');
const sonde = init({
  service: { name: 'shop' },
  logs: { console: 'off' },
  alerts: { adminEmails: ['ops@example.com'], file: folder },
});
const log = getLogger('shop.payments');

for (let order = 1; order <= 1000; order++) charge(order);
await sonde.forceFlush();

const mails = readdirSync(folder).sort();
for (const name of mails) console.log(readFileSync(join(folder, name), 'utf8'), '\n', '-'.repeat(72));
console.log(`1,000 errors, ${mails.length} mails: the first at once, the second for the other 999.`);
console.log('Neither holds the password that was logged with each of them.');
await sonde.shutdown();

function charge(order) {
  try {
    throw new RangeError(`order ${order} cannot be paid`);
  } catch (error) {
    log.error('payment refused', error, { order, password: 'correct horse battery staple' });
  }
}
