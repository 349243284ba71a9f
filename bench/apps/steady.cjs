'use strict';
/** 10,000 records a second, or none, for three seconds: how late the event loop is, and the CPU that it takes. */
const { monitorEventLoopDelay } = require('node:perf_hooks');
const report = require('./report.cjs');

const logger = process.argv[2] === 'none' ? undefined : require('sonde').getLogger('bench');
const delay = monitorEventLoopDelay({ resolution: 1 });
const ticks = 300;
const warm = 50;
let tick = 0;
let before;
let began;

const timer = setInterval(() => {
  for (let n = 0; n < 100; n++) logger?.info('order created', { orderId: n, total: 99.5, currency: 'EUR' });
  if (++tick === warm) {
    delay.enable();
    before = process.cpuUsage();
    began = performance.now();
  }
  if (tick < ticks) return;
  clearInterval(timer);
  const { user, system } = process.cpuUsage(before);
  const millis = (nanoseconds) => nanoseconds / 1e6;
  report({
    median: millis(delay.percentile(50)),
    late: millis(delay.percentile(99)),
    most: millis(delay.max),
    share: (user + system) / 10 / (performance.now() - began),
  });
  process.exit();
}, 10);
