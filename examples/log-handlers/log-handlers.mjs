/**
 * Where log records go: people see INFO, a file keeps the warnings, and a request that fails brings all its details
 * with it. In Python's spelling the same structure is `dictConfig`.
 *
 *     node log-handlers.mjs
 */
import { readFileSync, rmSync } from 'node:fs';
import { getLogger, init, withSpan } from 'sonde';

const noHealthChecks = (record) => record.fields?.path !== '/healthz';

const sonde = init({
  service: { name: 'log-handlers' },
  otlp: { off: true },
  logs: {
    formatters: { short: { format: '{levelname} {name} {message}', style: '{' } },
    handlers: {
      console: { formatter: 'short', filters: [noHealthChecks] },
      file: { level: 'WARNING', path: 'log-handlers.log', formatter: 'json' },
      // The flight recorder: passes on what the levels allow, and what they hold back when its trace errs.
      memory: { perTrace: true, level: 'DEBUG', target: 'console' },
    },
    loggers: { 'shop.noise': { handlers: ['null'], propagate: false } },
  },
});

const log = getLogger('shop.orders');

withSpan('an order that works', () => {
  log.debug('price looked up');
  log.info('order made');
  log.info('still alive', { path: '/healthz' });
  getLogger('shop.noise').error('nobody hears this');
});

withSpan('an order that fails', () => {
  log.debug('price looked up');
  log.debug('card asked');
  log.error('card refused', { orderId: 1042 });
});

await sonde.shutdown();
const { message, trace_id } = JSON.parse(readFileSync('log-handlers.log', 'utf8'));
console.log(`\nThe file has one line, of trace ${trace_id}: ${message}`);
rmSync('log-handlers.log');
