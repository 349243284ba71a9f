/**
 * From a chart to the request: a slow checkout leaves an exemplar in its bucket, and the exemplar's trace id finds
 * the log lines.
 *
 *     node metrics.mjs
 */
import http from 'node:http';
import { setTimeout as rest } from 'node:timers/promises';
import { counter, getLogger, histogram, init, metrics } from 'sonde';

const sonde = init({ service: { name: 'shop' }, otlp: { off: true } });
const log = getLogger('shop.checkout');
const orders = counter('orders.created', { unit: '{order}', description: 'Orders that were paid' });
const duration = histogram('checkout.duration', {
  unit: 's',
  description: 'From the click to the receipt',
  advice: { explicitBucketBoundaries: [0.05, 0.1, 0.5] },
});
// The series of a hot path, found once.
const web = orders.bind({ channel: 'web' });

const server = http.createServer(async (request, response) => {
  const began = performance.now();
  const isSlow = request.url === '/checkout?cart=7';
  await rest(isSlow ? 150 : 5);
  if (isSlow) log.warn('the bank was slow', { cart: 7 });
  web.add(1);
  duration.record((performance.now() - began) / 1000, { channel: 'web' });
  response.end('paid');
});
// Prometheus scrapes the same server; a port of its own: OTEL_METRICS_EXPORTER=prometheus.
metrics.mount(server);

server.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const get = async (path, headers) => (await fetch(base + path, { headers })).text();
  for (let cart = 1; cart <= 9; cart++) await get(`/checkout?cart=${cart}`);
  const page = await get('/metrics', { accept: 'application/openmetrics-text' });
  const lines = page.split('\n').filter((line) => /^(?:orders_created|checkout_duration)/.test(line));
  console.log(`\n${lines.join('\n')}\n`);
  const slow = lines.find((line) => line.includes('le="0.5"'));
  const [, traceId] = /trace_id="(\w+)"/.exec(slow);
  console.log(`The slow checkout was trace ${traceId}: search the lines above for it.`);
  console.log(`In short: ${await get('/metrics?format=json')}`);
  server.close();
  await sonde.shutdown();
});
