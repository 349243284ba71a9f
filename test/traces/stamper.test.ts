import { expect } from 'chai';
import { rootContext } from '../../src/context/context.ts';
import { type Attributes, withCorrelation } from '../../src/context/correlation.ts';
import { stamper } from '../../src/traces/stamper.ts';

const traceId = 'a'.repeat(32);

/** What a span has after it started in a unit of work. */
function stamped(
  id: string | undefined,
  attributes: Attributes,
  own: Attributes = {},
): Record<string, unknown> {
  const span = {
    attributes: { ...own } as Record<string, unknown>,
    spanContext: () => ({ traceId }),
    setAttribute(key: string, value: unknown) {
      span.attributes[key] = value;
    },
  };
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

  it('leaves a span outside any unit of work alone', async () => {
    stamper.onStart({ spanContext: () => ({ traceId }), setAttribute: () => expect.fail() }, rootContext);
    stamper.onEnd({});
    await stamper.forceFlush();
    await stamper.shutdown();
  });
});
