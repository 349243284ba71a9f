/** Names each test that passed only at its second try: what is not stable must be seen. */
import { writeSync } from 'node:fs';
import type { Context } from 'mocha';

const shaky: string[] = [];
const patienceMillis = 30_000;

/** A first try that ran out of time may leave a connection behind, and a run in CI would never end. */
function endInTime(): void {
  setTimeout(() => {
    const held = process.getActiveResourcesInfo().join(', ');
    writeSync(2, `The tests are over, and something still holds their process: ${held}\n`);
    process.exit();
  }, patienceMillis).unref();
}

export const mochaHooks = {
  afterEach(this: Context): void {
    const test = this.currentTest as (Mocha.Test & { currentRetry(): number }) | undefined;
    if (test?.state === 'passed' && test.currentRetry() > 0) shaky.push(test.fullTitle());
  },
  afterAll(): void {
    for (const title of shaky) console.log(`Passed only at the second try: ${title}`);
    if (process.env.CI === 'true') endInTime();
  },
};
