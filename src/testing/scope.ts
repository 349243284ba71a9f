/**
 * What belongs to one call of a test: everything in its asynchronous context, and everything of the traces that begin
 * there, which other contexts (a server's request) go on with. So parallel tests do not see each other's telemetry.
 */
import { type Context, createContextKey } from '@opentelemetry/api';
import { activeContext, runIn } from '../context/context.ts';
import { type SpanWatcher, watched } from '../traces/watched.ts';

/** One call that is being watched. */
export interface Scope {
  readonly traces: Set<string>;
}

const key = createContextKey('sonde.testing');

function scopesOf(context: Context): readonly Scope[] {
  return (context.getValue(key) as readonly Scope[] | undefined) ?? [];
}

/** `context` as a part of all scopes of the running work. */
export function inScopes(context: Context, scopes: readonly Scope[] = scopesOf(activeContext())): Context {
  return scopes.length === 0 ? context : context.setValue(key, scopes);
}

/** The scopes of the running work, outermost first. */
export function activeScopes(): readonly Scope[] {
  return scopesOf(activeContext());
}

/** Whether what was born in `context` is of this scope. */
export function belongs(scope: Scope, context: Context, traceId: string | undefined): boolean {
  return (traceId !== undefined && scope.traces.has(traceId)) || scopesOf(context).includes(scope);
}

const tracing: SpanWatcher = {
  started(span, parentContext) {
    const { traceId } = (span as { spanContext(): { traceId: string } }).spanContext();
    for (const scope of scopesOf(parentContext)) scope.traces.add(traceId);
  },
  ended() {},
};
let open = 0;

/** Runs `fn` in a new scope, within those around it, until the promise it returned settles. */
export async function withScope<T>(scope: Scope, fn: () => T | Promise<T>): Promise<T> {
  const context = activeContext();
  if (open++ === 0) watched.spans.add(tracing);
  try {
    return await runIn(inScopes(context, [...scopesOf(context), scope]), async () => fn());
  } finally {
    if (--open === 0) watched.spans.delete(tracing);
  }
}

export function newScope(): Scope {
  return { traces: new Set() };
}
