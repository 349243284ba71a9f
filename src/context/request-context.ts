/**
 * The context of a request in one object. OpenTelemetry's own copies a map for every value that is set, which
 * is three maps a request; this one has fields for what every request has, and behaves the same in all else.
 */
import { type Context, createContextKey, type Span, trace } from '@opentelemetry/api';
import { type Correlation, withCorrelation } from './correlation.ts';

/** What official framework instrumentations tell a route through. */
export interface RpcMetadata {
  readonly type: 'http';
  readonly span: Span;
  route?: string;
}

/** By the name that `@opentelemetry/core` gives it. */
const rpcKey = createContextKey('OpenTelemetry SDK Context Key RPC_METADATA');

/** The request that `context` belongs to, where its route is left; `undefined` outside any. */
export function requestOf(context: Context): { route?: string } | undefined {
  return context.getValue(rpcKey) as RpcMetadata | undefined;
}

/** The key that `set` uses, from the call itself: neither is exported. */
function keyUsedBy(set: (context: Context) => Context): symbol {
  let used: symbol | undefined;
  const listener: Context = {
    getValue: () => undefined,
    setValue(key) {
      used = key;
      return listener;
    },
    deleteValue: () => listener,
  };
  set(listener);
  return used as symbol;
}

const spanKey = keyUsedBy((context) => trace.setSpan(context, undefined as never));
const correlationKey = keyUsedBy((context) => withCorrelation(context, undefined as never));

/** How many single values may lie over another before they are copied together. */
const maxDepth = 8;

/** One more value over a context. */
class ValueContext implements Context {
  private readonly below: Context;
  private readonly key: symbol;
  private readonly value: unknown;
  private readonly depth: number;

  constructor(below: Context, key: symbol, value: unknown, depth: number) {
    this.below = below;
    this.key = key;
    this.value = value;
    this.depth = depth;
  }

  getValue(key: symbol): unknown {
    return key === this.key ? this.value : this.below.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    if (this.depth < maxDepth) return new ValueContext(this, key, value, this.depth + 1);
    return this.flat().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.setValue(key, undefined);
  }

  /** The same values in OpenTelemetry's own context. */
  flat(): Context {
    const below =
      this.below instanceof ValueContext || this.below instanceof RequestContext
        ? this.below.flat()
        : this.below;
    return below.setValue(this.key, this.value);
  }
}

/** A request being served: begun over what came with it, then given its span. */
export class RequestContext implements Context {
  private readonly below: Context;
  private readonly correlation: Correlation;
  private rpc: RpcMetadata | undefined;

  constructor(below: Context, correlation: Correlation) {
    this.below = below;
    this.correlation = correlation;
    this.rpc = undefined;
  }

  /** Only for whoever made it, before anyone else has seen it: contexts do not change. */
  begin(rpc: RpcMetadata): void {
    this.rpc = rpc;
  }

  getValue(key: symbol): unknown {
    if (key === correlationKey) return this.correlation;
    if (this.rpc !== undefined) {
      if (key === spanKey) return this.rpc.span;
      if (key === rpcKey) return this.rpc;
    }
    return this.below.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new ValueContext(this, key, value, 1);
  }

  deleteValue(key: symbol): Context {
    return new ValueContext(this, key, undefined, 1);
  }

  /** The same values in OpenTelemetry's own context. */
  flat(): Context {
    const flat = this.below.setValue(correlationKey, this.correlation);
    return this.rpc === undefined ? flat : flat.setValue(spanKey, this.rpc.span).setValue(rpcKey, this.rpc);
  }
}
