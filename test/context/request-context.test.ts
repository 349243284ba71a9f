import { createContextKey, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { getRPCMetadata } from '@opentelemetry/core';
import { expect } from 'chai';
import { correlationOf } from '../../src/context/correlation.ts';
import { RequestContext } from '../../src/context/request-context.ts';

const correlation = { id: 'abc', requestId: undefined, attributes: {} };
const span = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 });
const colour = createContextKey('colour');

describe('context of a request', () => {
  function begun(): RequestContext {
    const context = new RequestContext(ROOT_CONTEXT.setValue(colour, 'red'), correlation);
    context.begin({ type: 'http', span });
    return context;
  }

  it('answers as OpenTelemetry’s own does', () => {
    const context = begun();
    expect(trace.getSpan(context)).to.equal(span);
    expect(correlationOf(context)).to.equal(correlation);
    expect(getRPCMetadata(context)).to.deep.equal({ type: 'http', span });
    expect(context.getValue(colour)).to.equal('red');
    expect(context.getValue(createContextKey('unknown'))).to.equal(undefined);
  });

  it('has no span before it has begun, but the caller’s', () => {
    const caller = trace.wrapSpanContext({ traceId: '3'.repeat(32), spanId: '4'.repeat(16), traceFlags: 0 });
    const context = new RequestContext(trace.setSpan(ROOT_CONTEXT, caller), correlation);
    expect(trace.getSpan(context)).to.equal(caller);
  });

  it('never changes when values are set or deleted over it', () => {
    const context = begun();
    const child = context.setValue(colour, 'blue');
    const bare = trace.deleteSpan(child);
    expect(child.getValue(colour)).to.equal('blue');
    expect(trace.getSpan(bare)).to.equal(undefined);
    expect(bare.getValue(colour)).to.equal('blue');
    expect(bare.deleteValue(colour).getValue(colour)).to.equal(undefined);
    expect(trace.getSpan(child)).to.equal(span);
    expect(context.getValue(colour)).to.equal('red');
  });

  it('takes any number of values, one over the other', () => {
    const keys = Array.from({ length: 20_000 }, (_, at) => createContextKey(`key-${at % 100}`));
    let context = begun().setValue(colour, 'green');
    for (const [at, key] of keys.entries()) context = context.setValue(key, at);
    for (let at = 0; at < 100; at++)
      expect(context.getValue(createContextKey(`key-${at}`))).to.equal(19_900 + at);
    expect(context.getValue(colour)).to.equal('green');
    expect(trace.getSpan(context)).to.equal(span);
    expect(correlationOf(context)).to.equal(correlation);
  });
});
