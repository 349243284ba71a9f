import { expect } from 'chai';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { type Attributes, withCorrelation } from '../../src/context/correlation.ts';
import { addContext, withContext } from '../../src/context/unit.ts';
import { stamper } from '../../src/traces/stamper.ts';

const traceId = 'a'.repeat(32);

interface TestSpan {
  ended: boolean;
  readonly attributes: Record<string, unknown>;
  isRecording(): boolean;
  spanContext(): { traceId: string };
  setAttribute(key: string, value: unknown): void;
}

function spanOf(own: Attributes = {}): TestSpan {
  return {
    ended: false,
    attributes: { ...own },
    isRecording() {
      return !this.ended;
    },
    spanContext: () => ({ traceId }),
    setAttribute(key, value) {
      this.attributes[key] = value;
    },
  };
}

/** What a span has after it started in a unit of work. */
function stamped(
  id: string | undefined,
  attributes: Attributes,
  own: Attributes = {},
): Record<string, unknown> {
  const span = spanOf(own);
  stamper.onStart(span, withCorrelation(rootContext, { id, requestId: undefined, attributes }));
  return span.attributes;
}

describe('the stamper', () => {
  it('puts the correlation id and bound attributes on a span (A27)', () => {
    expect(stamped('c-1', { 'user.id': 7 })).to.deep.equal({ correlation_id: 'c-1', 'user.id': 7 });
  });

  it('does not repeat the trace id', () => {
    expect(stamped(traceId, {})).to.deep.equal({});
    expect(stamped(undefined, {})).to.deep.equal({});
  });

  it('lets the own attributes of a span win', () => {
    expect(stamped('c-1', { step: 1, org: 'x' }, { step: 2 })).to.deep.equal({
      correlation_id: 'c-1',
      step: 2,
      org: 'x',
    });
  });

  it('adds what is bound later to the span that began the unit, until it ends (A30)', () => {
    const first = spanOf();
    const second = spanOf();
    const context = withCorrelation(rootContext, { id: 'c-1', requestId: undefined, attributes: {} });
    runIn(context, () => {
      stamper.onStart(first, activeContext());
      withContext({ step: 1 }, () => {
        stamper.onStart(second, activeContext());
        addContext({ 'user.id': 42 });
      });
      first.ended = true;
      addContext({ late: true });
    });
    expect(first.attributes).to.deep.equal({ correlation_id: 'c-1', 'user.id': 42 });
    expect(second.attributes).to.deep.equal({ correlation_id: 'c-1', step: 1 });
  });

  it('leaves a span outside any unit of work alone', async () => {
    stamper.onStart(
      { isRecording: () => true, spanContext: () => ({ traceId }), setAttribute: () => expect.fail() },
      rootContext,
    );
    stamper.onEnd({ spanContext: () => ({ traceId }) });
    await stamper.forceFlush();
    await stamper.shutdown();
  });
});
