/** A span for each middleware and handler, for those who ask (`http.middlewareSpans`): most requests pass a dozen. */
import type { ServerResponse } from 'node:http';
import { type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { activeContext, runIn } from '../src/context/context.ts';
import type { Sensors } from '../src/instrumentation.ts';

/** Runs `run` in the context of a span that ends with what it returns. */
export type Around = <T>(name: string, run: () => T) => T;

/** A span that its owner ends, once; later calls are nothing. */
export interface Opened {
  run<T>(fn: () => T): T;
  end(error?: unknown): void;
}

/** Opens a span by the name of a middleware; `undefined` where nobody has asked. */
export type OpenSpan = ((name: string) => Opened) | undefined;

export function middlewareSpans({ config, tracer }: Sensors): OpenSpan {
  if (!config.http.middlewareSpans) return undefined;
  return (given) => {
    const name = given === '' ? 'anonymous' : given;
    const parent = activeContext();
    const attributes = { 'code.function.name': name };
    const span = tracer.startSpan(`middleware ${name}`, { kind: SpanKind.INTERNAL, attributes }, parent);
    const context = trace.setSpan(parent, span);
    let isOpen = true;
    return {
      run: (fn) => runIn(context, fn),
      end(error) {
        if (!isOpen) return;
        isOpen = false;
        end(span, error);
      },
    };
  };
}

function end(span: Span, error: unknown): void {
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** For frameworks whose middlewares return when all behind them have answered. */
export function around(open: OpenSpan): Around | undefined {
  if (open === undefined) return undefined;
  return (name, run) => {
    const opened = open(name);
    try {
      const result = opened.run(run);
      if (result instanceof Promise)
        result.then(
          () => opened.end(),
          (error) => opened.end(error),
        );
      else opened.end();
      return result;
    } catch (error) {
      opened.end(error);
      throw error;
    }
  };
}

/** For frameworks whose middlewares call the next one, or answer. */
export function aroundNext(
  opened: Opened,
  response: ServerResponse,
  next: (error?: unknown) => void,
  run: (next: (error?: unknown) => void) => unknown,
): unknown {
  const parent = activeContext();
  const answered = (): void => opened.end();
  response.once('close', answered);
  return opened.run(() =>
    run((error) => {
      response.removeListener('close', answered);
      opened.end(error === 'route' || error === 'router' ? undefined : (error ?? undefined));
      return runIn(parent, () => next(error));
    }),
  );
}
