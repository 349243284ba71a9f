/** Logs, spans and metrics in tests: `node --test`. In vitest, jest and mocha it is the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captureLogs, captureNoLogs, collect, expectSpan, request } from 'sonde/testing';
import { app } from './orders.mjs';

test('the service is ready', async () => {
  const { status, headers, json } = await request(app, '/readyz');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.deepEqual(json(), { status: 'ready' });
});

test('an order that is read leaves one line, and nothing to worry about', async () => {
  const { records, text } = await captureLogs('shop', 'INFO', () => request(app, '/orders/7'));
  assert.equal(records.length, 1);
  assert.match(text, /message="order read".* id=7/);
  await captureNoLogs('shop', 'WARNING', () => request(app, '/orders/7'));
});

test('an order that does not exist is a warning', async () => {
  const { records } = await captureLogs('shop', 'WARNING', () => request(app, '/orders/none'));
  assert.equal(records[0].message, 'no such order');
});

test('the order is loaded in a span of the request, and counted', async () => {
  const seen = await collect(() => request(app, '/orders/7'));
  assert.equal(seen.result.json().total, '149.99');
  const loaded = expectSpan({ name: 'load order', attributes: { 'order.id': 7 } }, seen);
  assert.equal(loaded.parentSpanId, expectSpan({ kind: 'server' }, seen).spanId);
  assert.equal(seen.logs.records[0].trace_id, loaded.traceId);
  assert.deepEqual(seen.metrics.find(({ name }) => name === 'orders.read')?.value, 1);
});
