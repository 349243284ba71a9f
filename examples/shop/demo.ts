/**
 * `npm run demo`: a small shop under `--require sonde/register` gets real traffic, and this shows what it reported.
 * With OTEL_EXPORTER_OTLP_ENDPOINT set the telemetry goes there instead of to the receiver in here.
 */
import { startReceiver } from './receiver.ts';
import { durations, exemplar, heading, logLines, totals, waterfall } from './screen.ts';
import { startService } from './service.ts';

const elsewhere = process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
const receiver = elsewhere ? undefined : await startReceiver();
const toReceiver: Record<string, string> = receiver
  ? { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
  : {};

const payments = await startService('payments', toReceiver);
const orders = await startService('orders', { ...toReceiver, PAYMENT_URL: payments.url });

await order('web-1001', { item: 'tea', cents: 690, card: 'visa' });
await order('web-1002', { item: 'samovar', cents: 129_900, card: 'visa' });
const failed = await order('web-1003', { item: 'teapot', cents: 4_900, card: 'unlucky' });
await fetch(`${orders.url}/orders/1`);
await Promise.all([orders.stop(), payments.stop()]);

const lines = [...orders.lines, ...payments.lines]
  .filter((line) => line.trace_id)
  .sort((a, b) => a.timestamp.localeCompare(b.timestamp));
const failedTrace = lines.find((line) => line.correlation_id === failed)?.trace_id;

console.log(heading('Log lines', 'two services; each line knows its request'));
console.log(logLines(lines));
if (receiver) {
  console.log(heading(`Trace ${failedTrace}`, `the request that failed, correlation id ${failed}`));
  console.log(waterfall(failedTrace, receiver));
  console.log(heading('Request durations', 'the metric http.server.request.duration'));
  console.log(durations(receiver.histograms));
  console.log(heading('Exemplar', 'the slowest request of that chart, found by its trace id'));
  console.log(exemplar(receiver));
  console.log(heading('Received', `by the OTLP receiver in this process, ${receiver.endpoint}`));
  console.log(totals(receiver));
  receiver.close();
} else {
  console.log(heading('Sent', `to ${elsewhere}: look for the services orders and payments`));
  console.log(`the request that failed is trace ${failedTrace}`);
}
console.log(heading('Your own app', 'node --require sonde/register app.js'));

/** Places one order as a browser would, and returns the correlation id that came back. */
async function order(correlationId: string, body: object): Promise<string | null> {
  const response = await fetch(`${orders.url}/orders`, {
    method: 'POST',
    headers: { 'X-Correlation-ID': correlationId },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.headers.get('x-correlation-id');
}
