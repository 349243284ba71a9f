'use strict';
/** Calls `call` for as long as asked for, eight at a time, all in one active span. */
const { trace } = require('@opentelemetry/api');
const answers = require('./answers.cjs');

const atOnce = 8;

async function repeat(call, end) {
  let calls = 0;
  while (performance.now() < end) {
    await call(calls);
    calls++;
  }
  return calls;
}

module.exports = (call) => {
  answers(({ milliseconds }) =>
    trace.getTracer('bench').startActiveSpan('work', async (span) => {
      const end = performance.now() + milliseconds;
      const counts = await Promise.all(Array.from({ length: atOnce }, () => repeat(call, end)));
      span.end();
      return { calls: counts.reduce((sum, each) => sum + each, 0) };
    }),
  );
  process.send({});
};
