import threads, { getEnvironmentData } from 'node:worker_threads';
import { expect } from 'chai';
import { workerThreads } from '../../instrumentation/worker-threads.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { withCorrelation } from '../../src/context/correlation.ts';
import { environmentDataKey } from '../../src/context/inherited.ts';
import type { Sensors } from '../../src/instrumentation.ts';

describe('the worker-threads instrumentation', () => {
  it('hands down the context of the moment, and nothing after it is disabled', () => {
    const unit = withCorrelation(rootContext, { id: 'c-1', requestId: undefined, attributes: { a: 1 } });
    const broken = {
      getValue: () => {
        throw new Error('broken');
      },
    };
    const instrumentation = workerThreads();
    const cloned = () => structuredClone(getEnvironmentData(environmentDataKey));
    instrumentation.patch?.(threads, 'node:worker_threads', {} as Sensors);
    expect(cloned()).to.deep.equal({ carrier: undefined });
    expect(runIn(unit, cloned)).to.deep.equal({ carrier: { correlationId: 'c-1', attributes: { a: 1 } } });
    expect(runIn(broken as never, cloned)).to.deep.equal({ carrier: undefined });
    instrumentation.disable();
    instrumentation.disable();
    expect(getEnvironmentData(environmentDataKey)).to.equal(undefined);
  });
});
