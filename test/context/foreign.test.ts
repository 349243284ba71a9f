import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const context = new URL('../../src/context/', import.meta.url);

/** In a process of its own: a foreign manager cannot be taken back. */
const app = `
  import { AsyncLocalStorage } from 'node:async_hooks';
  import { context as api, ROOT_CONTEXT } from '@opentelemetry/api';
  const foreign = new AsyncLocalStorage();
  api.setGlobalContextManager({
    active: () => foreign.getStore() ?? ROOT_CONTEXT,
    with: (ctx, fn, self, ...args) => foreign.run(ctx, () => fn.apply(self, args)),
    bind: (ctx, target) => target, enable() { return this; }, disable() { return this; },
  });
  const { followForeignContext, activeContext } = await import('${context}context.ts');
  const { stampOf } = await import('${context}correlation.ts');
  const unit = await import('${context}unit.ts');
  followForeignContext();
  const bound = () => stampOf(activeContext()).attributes;
  const seen = await unit.withContext({ a: 1 }, async () => {
    await null;
    unit.addContext({ b: 2 });
    const kept = unit.keepContext(bound);
    return { bound: bound(), same: activeContext() === foreign.getStore(), kept: unit.detached(kept),
      detached: unit.detached(bound) ?? 'none', id: unit.extract({ 'x-correlation-id': 'c-1' }, unit.correlationId) };
  });
  process.stdout.write(JSON.stringify({ ...seen, after: bound() ?? 'none' }));
`;

describe('a foreign context manager', () => {
  it('holds the context, and every function of ours works on it (A26)', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', app]);
    expect(JSON.parse(stdout)).to.deep.equal({
      bound: { a: 1, b: 2 },
      same: true,
      kept: { a: 1, b: 2 },
      detached: 'none',
      id: 'c-1',
      after: 'none',
    });
  });
});
