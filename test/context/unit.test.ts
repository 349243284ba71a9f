import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { activeContext, bindTo, contextManager, rootContext, runIn } from '../../src/context/context.ts';
import { stampOf, withCorrelation } from '../../src/context/correlation.ts';
import {
  addContext,
  correlationId,
  detached,
  extract,
  inject,
  keepContext,
  withContext,
} from '../../src/context/unit.ts';
import { diagnostics } from '../../src/diagnostics.ts';

const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };

/** A unit of work as a server begins it. */
function unit<T>(id: string | undefined, fn: () => T): T {
  const context = trace.setSpanContext(rootContext, spanContext);
  return runIn(withCorrelation(context, { id, requestId: undefined, attributes: {} }), fn);
}

const bound = (): Record<string, unknown> => ({ ...stampOf(activeContext()).attributes });

describe('a unit of work', () => {
  it('has an id inside and none outside (A27)', () => {
    expect(correlationId()).to.equal(undefined);
    expect(unit('c-1', correlationId)).to.equal('c-1');
    expect(unit(undefined, correlationId)).to.equal(spanContext.traceId);
    expect(correlationId()).to.equal(undefined);
  });

  it('has no id where a span without an SDK has only zeros', () => {
    const context = trace.setSpanContext(rootContext, {
      traceId: '0'.repeat(32),
      spanId: '0'.repeat(16),
      traceFlags: 0,
    });
    expect(runIn(context, correlationId)).to.equal(undefined);
  });

  const ways: [string, (seen: () => void) => unknown][] = [
    ['a timer', (seen) => void setTimeout(seen, 1)],
    ['an immediate', (seen) => void setImmediate(seen)],
    ['nextTick', (seen) => process.nextTick(seen)],
    ['queueMicrotask', (seen) => queueMicrotask(seen)],
    ['a promise', (seen) => Promise.resolve().then(seen)],
    [
      'an await',
      async (seen) => {
        await sleep(1);
        seen();
      },
    ],
    ['a rejected promise', (seen) => Promise.reject(new Error('no')).catch(seen)],
    [
      'an event emitter',
      (seen) => {
        const emitter = new EventEmitter().on('x', seen);
        setTimeout(() => emitter.emit('x'), 1);
      },
    ],
    [
      'a stream',
      (seen) =>
        pipeline(Readable.from(['x']), async (source) => {
          for await (const _ of source) seen();
        }),
    ],
    [
      'an async iterator',
      async (seen) => {
        for await (const _ of [sleep(1)]) seen();
      },
    ],
  ];
  for (const [what, start] of ways) {
    it(`is seen in ${what} (A26)`, async () => {
      const seen = await new Promise((resolve, reject) => {
        Promise.resolve(withContext({ user_id: 7 }, () => start(() => resolve(bound())))).catch(reject);
      });
      expect(seen).to.deep.equal({ user_id: 7 });
    });
  }

  it('gives back what the function returns and lets its error through', () => {
    expect(withContext({}, () => 7)).to.equal(7);
    expect(() =>
      withContext({}, () => {
        throw new Error('mine');
      }),
    ).to.throw('mine');
  });

  it('binds attributes for one function only, the inner over the outer (A26)', () => {
    withContext({ a: 1, b: 1 }, () => {
      withContext({ b: 2, c: 2 }, () => expect(bound()).to.deep.equal({ a: 1, b: 2, c: 2 }));
      expect(bound()).to.deep.equal({ a: 1, b: 1 });
    });
    expect(bound()).to.deep.equal({});
  });

  it('shows what a callee added after an await to the caller, and to what runs beside (A26, A30)', async () => {
    await unit('c-1', async () => {
      const beside = sleep(10).then(bound);
      await (async () => {
        await sleep(1);
        addContext({ 'user.id': 42 });
      })();
      expect(bound()).to.deep.equal({ 'user.id': 42 });
      expect(await beside).to.deep.equal({ 'user.id': 42 });
    });
  });

  it('shows what was added inside withContext to the whole unit, and lets the last word hold (A26, A30)', () => {
    unit('c-1', () => {
      withContext({ step: 1, org: 'x' }, () => {
        withContext({ step: 2 }, () => {
          addContext({ step: 3, 'user.id': 42 });
          expect(bound()).to.deep.equal({ step: 3, org: 'x', 'user.id': 42 });
          expect(correlationId()).to.equal('c-1');
        });
        expect(bound()).to.deep.equal({ step: 3, org: 'x', 'user.id': 42 });
      });
      expect(bound()).to.deep.equal({ step: 3, 'user.id': 42 });
    });
  });

  it('does not change what was stamped before', () => {
    unit('c-1', () => {
      addContext({ a: 1 });
      const before = stampOf(activeContext());
      addContext({ a: 2 });
      expect(before.attributes).to.deep.equal({ a: 1 });
    });
  });

  it('is not begun by addContext: outside there is one debug line and no effect', () => {
    const lines: string[] = [];
    const voice = diagnostics.speakThrough((level, message) => lines.push(`${level} ${message}`));
    addContext({ a: 1 });
    diagnostics.speakThrough(voice);
    expect(bound()).to.deep.equal({});
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^debug .*outside a unit of work/);
  });

  it('takes any attribute value without a throw, and keeps the plain ones', () => {
    const given = {
      text: 'x',
      number: 1,
      yes: true,
      list: ['a', 1, null],
      big: 2n,
      when: new Date(0),
      '': 1,
      nothing: undefined,
      none: null,
      object: {},
      fn() {},
      symbol: Symbol('s'),
      wrongDate: new Date(Number.NaN),
      get broken() {
        throw new Error('getter');
      },
    };
    withContext(given, () => {
      const kept = {
        text: 'x',
        number: 1,
        yes: true,
        list: ['a', 1],
        big: '2',
        when: '1970-01-01T00:00:00.000Z',
      };
      expect(bound()).to.deep.equal(kept);
    });
    for (const odd of [null, undefined, 7, 'text', Proxy.revocable({}, {}).proxy]) {
      expect(withContext(odd as never, () => 'ran')).to.equal('ran');
    }
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(withContext(revoked.proxy, () => 'ran')).to.equal('ran');
    fc.assert(
      fc.property(fc.anything(), (value) => unit('c', () => addContext(value as never)) === undefined),
    );
    expect(withContext({}, undefined as never)).to.equal(undefined);
  });

  it('is kept for a callback that is called from elsewhere, with its this and arguments (A26)', () => {
    const kept = unit('c-1', () =>
      keepContext(function (this: unknown, ...args: unknown[]) {
        return [this, args, correlationId()];
      }),
    );
    expect(kept.call('self', 1, 2)).to.deep.equal(['self', [1, 2], 'c-1']);
    expect(keepContext(7 as never)).to.equal(7);
  });

  it('does not own what is detached from it, also later (A29)', async () => {
    await unit('c-1', async () => {
      const later = detached(() => sleep(1).then(correlationId));
      expect(detached(correlationId)).to.equal(undefined);
      expect(correlationId()).to.equal('c-1');
      expect(await later).to.equal(undefined);
    });
  });

  it('keeps its id in what it started, also after it ended (A29)', async () => {
    const late = unit('c-1', () => sleep(5).then(correlationId));
    expect(correlationId()).to.equal(undefined);
    expect(await late).to.equal('c-1');
  });

  it('travels in a message, and the receiver begins from the root (A31)', () => {
    const carrier = unit('c-1', () => withContext({ a: 1 }, () => inject({ kind: 'mail' })));
    expect(carrier).to.include({ kind: 'mail', 'X-Correlation-ID': 'c-1' });
    unit('other', () => {
      extract(carrier, () => {
        expect(correlationId()).to.equal('c-1');
        expect(stampOf(activeContext())).to.include({
          traceId: spanContext.traceId,
          spanId: spanContext.spanId,
        });
        expect(bound()).to.deep.equal({});
        addContext({ b: 2 });
        expect(bound()).to.deep.equal({ b: 2 });
      });
      expect(correlationId()).to.equal('other');
    });
    expect(inject()).to.deep.equal({});
    expect(inject(null as never)).to.equal(null);
    expect(extract(null, () => correlationId())).to.equal(undefined);
  });

  it('is never mixed with another: 1,000 interleaved, by random waits (A28, A29)', async () => {
    const run = (n: number): Promise<void> =>
      unit(`c-${n}`, async () => {
        addContext({ n });
        for (let step = 0; step < 5; step++) {
          await (step % 2 ? sleep((n * 7 + step) % 11) : new Promise((resolve) => setImmediate(resolve)));
          await withContext({ step }, async () => {
            await sleep((n * 3 + step) % 5);
            expect([correlationId(), bound()]).to.deep.equal([`c-${n}`, { n, step }]);
          });
          expect([correlationId(), bound()]).to.deep.equal([`c-${n}`, { n }]);
        }
      });
    await Promise.all(Array.from({ length: 1000 }, (_, n) => run(n)));
    expect(correlationId()).to.equal(undefined);
  });
});

describe('the context manager', () => {
  it('is what the OpenTelemetry API asks for, on the one storage', () => {
    const context = rootContext.setValue(Symbol.for('x'), 1);
    const seen = contextManager.with(
      context,
      function (this: string, a: number) {
        return [this, a, activeContext()];
      },
      'self',
      7,
    );
    expect(seen).to.deep.equal(['self', 7, context]);
    const emitter = new EventEmitter();
    expect(contextManager.bind(context, emitter)).to.equal(emitter);
    expect(contextManager.bind(context, activeContext)()).to.equal(context);
    expect(bindTo(context, activeContext)()).to.equal(context);
    expect(contextManager.active()).to.equal(rootContext);
  });
});
