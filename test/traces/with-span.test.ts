import { metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { activeContext } from '../../src/context/context.ts';
import { currentSpan, withSpan } from '../../src/traces/with-span.ts';

describe('withSpan', () => {
  const exporter = new InMemorySpanExporter();
  const spans = () => exporter.getFinishedSpans();

  before(() => {
    trace.setGlobalTracerProvider(
      new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
    );
  });
  beforeEach(() => exporter.reset());
  after(() => {
    trace.disable();
    metrics.disable();
  });

  it('gives back what the function returns, and ends the span', () => {
    expect(withSpan('charge card', () => 42)).to.equal(42);
    expect(spans().map((span) => span.name)).to.deep.equal(['charge card']);
  });

  it('ends the span of an async function when its promise settles', async () => {
    const work = withSpan('charge card', { 'order.id': 7 }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(spans()).to.deep.equal([]);
      return 'paid';
    });
    expect(await work).to.equal('paid');
    expect(spans()[0]!.attributes).to.deep.equal({ 'order.id': 7 });
  });

  it('makes its span the parent of what runs inside, also after an await', async () => {
    await withSpan('outer', async (outer) => {
      await null;
      expect(currentSpan()).to.equal(outer);
      withSpan('inner', () => undefined);
    });
    const [inner, outer] = spans();
    expect(inner!.parentSpanContext?.spanId).to.equal(outer!.spanContext().spanId);
    expect(currentSpan()).to.equal(undefined);
    expect(trace.getSpan(activeContext())).to.equal(undefined);
  });

  it('passes an error on unchanged and records it once, however many spans it crosses', async () => {
    const error = new RangeError('too much');
    const caught = await withSpan('outer', () => withSpan('inner', () => Promise.reject(error))).catch(
      (e) => e,
    );
    expect(caught).to.equal(error);
    const [inner, outer] = spans();
    for (const span of [inner!, outer!]) {
      expect(span.status).to.deep.equal({ code: SpanStatusCode.ERROR, message: 'too much' });
      expect(span.attributes['error.type']).to.equal('RangeError');
    }
    expect(inner!.events).to.have.length(1);
    expect(outer!.events).to.have.length(0);
  });

  it('records what is thrown when it is no Error', () => {
    expect(() =>
      withSpan('inner', () => {
        throw 'plain text';
      }),
    ).to.throw('plain text');
    expect(spans()[0]!.attributes['error.type']).to.equal('string');
  });
});
