/** Tracers of others that ask Sonde's provider by name: what they start can be told from the app's own spans. */
import {
  context as api,
  type Context,
  type Span,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Instrumentation } from '../src/instrumentation.ts';
import { override } from './override.ts';

/** What becomes of a span that is asked for: other options, or another span in its stead. */
export type Reconsider = (options: SpanOptions, context: Context) => SpanOptions | Span;

/** `name` is the plug's; spans of the tracer `tracerName` are started as `reconsider` says. */
export function tracerOverride(name: string, tracerName: string, reconsider: Reconsider): Instrumentation {
  let restore = (): void => {};
  return {
    name,
    modules: [],
    enable() {
      const provider = trace.getTracerProvider() as { getDelegate?(): object };
      restore = override(provider.getDelegate?.() ?? provider, 'getTracer', (original) => {
        return function getTracer(asked: string, ...rest: unknown[]) {
          const tracer: Tracer = original.call(this, asked, ...rest);
          return asked === tracerName ? reconsidered(tracer, reconsider) : tracer;
        };
      });
    },
    disable: () => restore(),
  };
}

function reconsidered(tracer: Tracer, reconsider: Reconsider): Tracer {
  const startSpan: Tracer['startSpan'] = (name, given = {}, context = api.active()) => {
    const answer = reconsider(given, context);
    return 'spanContext' in answer ? answer : tracer.startSpan(name, answer, context);
  };
  return {
    startSpan,
    startActiveSpan(name: string, ...rest: any[]) {
      const [options, context = api.active()] = rest.slice(0, -1) as [SpanOptions?, Context?];
      const run = rest.at(-1) as (span: Span) => unknown;
      const span = startSpan(name, options, context);
      return api.with(trace.setSpan(context, span), () => run(span));
    },
  } as Tracer;
}
