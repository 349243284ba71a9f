/** Names each test that passed only at its second try: what is not stable must be seen. */
import type { Context } from 'mocha';

const shaky: string[] = [];

export const mochaHooks = {
  afterEach(this: Context): void {
    const test = this.currentTest as (Mocha.Test & { currentRetry(): number }) | undefined;
    if (test?.state === 'passed' && test.currentRetry() > 0) shaky.push(test.fullTitle());
  },
  afterAll(): void {
    for (const title of shaky) console.log(`Passed only at the second try: ${title}`);
  },
};
