'use strict';
/** The page of 10,000 series, scraped over and over; says what one takes and the longest turn of the event loop. */
const http = require('node:http');
const { setTimeout: rest } = require('node:timers/promises');
const { counter, histogram, metrics } = require('sonde');
const report = require('./report.cjs');

const server = http.createServer((_request, response) => response.end());
metrics.mount(server);
for (let metric = 0; metric < 5; metric++) {
  const orders = counter(`orders.${metric}`, { unit: '{order}', description: 'Orders' });
  for (let i = 0; i < 1_600; i++)
    orders.add(i, { route: `/orders/${i}`, method: 'GET', status: 200, shop: `shop ${i}` });
}
const duration = histogram('checkout.duration', { unit: 's', description: 'Checkouts' });
for (let i = 0; i < 120; i++) duration.record(i, { route: `/orders/${i}`, method: 'GET' });

/** CPU milliseconds of the longest piece of work between two turns. */
function watchTurns() {
  const turns = { longest: 0, on: true };
  let last = process.threadCpuUsage();
  const tick = () => {
    const { user, system } = process.threadCpuUsage(last);
    turns.longest = Math.max(turns.longest, (user + system) / 1000);
    last = process.threadCpuUsage();
    if (turns.on) setImmediate(tick);
  };
  setImmediate(tick);
  return turns;
}

const scrape = (port, path = '/metrics') =>
  new Promise((resolve) => {
    const headers = { accept: 'application/openmetrics-text' };
    http.get({ host: '127.0.0.1', port, path, headers }, (response) => {
      let bytes = 0;
      response.on('data', (chunk) => (bytes += chunk.length)).on('end', () => resolve(bytes));
    });
  });

server.listen(0, '127.0.0.1', async () => {
  const pages = [];
  // The first request of a process brings Node's own HTTP client: that is no part of the page.
  await scrape(server.address().port, '/');
  for (let round = 0; round < 3; round++) {
    await rest(150);
    const turns = watchTurns();
    const before = performance.now();
    global.t0 = before;
    const used = process.threadCpuUsage();
    const bytes = await scrape(server.address().port);
    const { user, system } = process.threadCpuUsage(used);
    const milliseconds = performance.now() - before;
    pages.push({ milliseconds, cpu: (user + system) / 1000, turn: turns.longest, bytes });
    turns.on = false;
  }
  report(pages);
  process.exit();
});
