'use strict';
/**
 * Calls `write` over and over inside one active span: a quarter of a second to warm up, then a third of a second
 * that counts. `pace` rests after every so many records, so that a batch queue can keep up.
 */
const { trace } = require('@opentelemetry/api');
const { setTimeout: rest } = require('node:timers/promises');
const report = require('./report.cjs');

async function run(write, milliseconds, pace) {
  const end = performance.now() + milliseconds;
  let records = 0;
  do {
    for (let i = 0; i < 200; i++) write(records++);
    if (pace && records % pace === 0) await rest(4);
  } while (performance.now() < end);
  return records;
}

module.exports = (write, { pace = 0 } = {}) =>
  trace.getTracer('bench').startActiveSpan('work', async (span) => {
    const warm = await run(write, 250, pace);
    const before = process.cpuUsage();
    const records = await run(write, 350, pace);
    const { user, system } = process.cpuUsage(before);
    report({ nanoseconds: ((user + system) * 1000) / records, records: warm + records });
    span.end();
    if (!pace) process.exit();
  });
