/** `node bench/large-values.ts`: how long a logging call takes with one huge value, sent by OTLP. Milliseconds. */
import { createRequire } from 'node:module';

const { getLogger, init } = createRequire(import.meta.url)('../dist/index.cjs');

init();
const log = getLogger('large');
const sparse: unknown[] = [];
sparse[10 ** 8] = 1;
const values: Readonly<Record<string, unknown>> = {
  'a text of 1 MB': 'x'.repeat(2 ** 20),
  'a text of 1 MB that is no ASCII': '\u20ac'.repeat(2 ** 20),
  'an array of 1,000,000 numbers': Array.from({ length: 1_000_000 }, (_, i) => i),
  'a typed array of 1 MB': new Uint8Array(2 ** 20),
  'a sparse array of 100,000,000': sparse,
  'an object of 100,000 keys': Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, i])),
  'an error whose message is 1 MB': new Error('x'.repeat(2 ** 20)),
};
for (const [what, value] of Object.entries(values)) {
  const times = Array.from({ length: 20 }, () => {
    const began = performance.now();
    log.info('large', { value });
    return performance.now() - began;
  }).sort((a, b) => a - b);
  console.error(what, { median: times[10]!.toFixed(2), longest: times[19]!.toFixed(2) });
}
process.exit();
