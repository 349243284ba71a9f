/** All processors of a tracer provider as one. */
import type { Context } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';

type Spans = Parameters<SpanProcessor['onStart']>[0] & Parameters<SpanProcessor['onEnd']>[0];

export class SpanProcessors {
  private readonly all: readonly SpanProcessor[];
  private readonly ending: readonly SpanProcessor[];

  constructor(processors: readonly SpanProcessor[]) {
    this.all = processors;
    this.ending = processors.filter(({ onEnding }) => typeof onEnding === 'function');
  }

  onStart(span: Spans, context: Context): void {
    for (const processor of this.all) processor.onStart(span, context);
  }

  /** The span can still be changed. */
  onEnding(span: Spans): void {
    for (const processor of this.ending) processor.onEnding?.(span);
  }

  onEnd(span: Spans): void {
    for (const processor of this.all) processor.onEnd(span);
  }

  async forceFlush(): Promise<void> {
    await Promise.allSettled(this.all.map((processor) => processor.forceFlush()));
  }

  async shutdown(): Promise<void> {
    await Promise.all(this.all.map((processor) => processor.shutdown()));
  }
}
