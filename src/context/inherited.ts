/** How a context passes to worker threads and child processes, and how they take it up. */
import type { Context } from '@opentelemetry/api';
import { type InheritedVariables, inheritedCarrier } from '../config/env.ts';
import { isMainThread, threads } from '../threads.ts';
import { usableAttributes } from './attributes.ts';
import { rootContext, runUnowned, standOn } from './context.ts';
import { type Attributes, correlationOf, stampOf, withCorrelation } from './correlation.ts';
import type { ReadHeader } from './format.ts';
import { isCorrelationId } from './ids.ts';
import { baggageFormat, traceContextFormat } from './w3c.ts';

/** What is handed down. It is cloned into a worker, and is four variables in a child process's environment. */
export interface Inheritance extends InheritedVariables {
  /** Bound attributes: for worker threads only, an environment is for everybody to read. */
  readonly attributes?: Attributes;
}

/** The name under which worker threads find theirs, by `getEnvironmentData`. */
export const environmentDataKey = 'sonde.context';

interface Handed {
  readonly carrier?: Inheritance;
}

/** Read before this thread puts its own there for the workers that it starts itself. */
const handed = isMainThread()
  ? undefined
  : (threads()?.getEnvironmentData(environmentDataKey) as Handed | undefined);

/** What `context` hands down; `undefined` outside a unit of work. Always in the W3C formats: it stays in the house. */
export function inheritanceOf(context: Context): Inheritance | undefined {
  const { correlationId, attributes } = stampOf(context);
  const correlation = correlationOf(context);
  const headers: Record<string, string> = {};
  const write = (name: string, value: string): void => {
    headers[name] = value;
  };
  traceContextFormat.inject(context, write);
  if (headers.traceparent === undefined && correlation === undefined) return undefined;
  baggageFormat.inject(context, write);
  return { ...headers, correlationId, attributes };
}

/** The context that continues what was handed down; the root when that is nothing or cannot be believed. */
function continueFrom(inheritance: Inheritance): Context {
  const read: ReadHeader = (name) => inheritance[name as 'traceparent' | 'tracestate' | 'baggage'];
  const context = baggageFormat.extract(traceContextFormat.extract(rootContext, read), read);
  const id = isCorrelationId(inheritance.correlationId) ? inheritance.correlationId : undefined;
  if (context === rootContext && id === undefined && inheritance.attributes === undefined) return context;
  const attributes = usableAttributes(inheritance.attributes);
  return withCorrelation(context, { id, requestId: undefined, attributes });
}

/**
 * In a worker thread or child process that a unit of work started: its script, and all that nobody gives another
 * context, continues that unit. Messages from the parent do not: a pool's worker outlives whoever started it, so
 * they belong to nobody until `extract` says whose they are. Called by `init`. (A31)
 */
export function enterInheritedContext(): void {
  const context = continueFrom(inheritance());
  if (context === rootContext) return;
  standOn(context);
  const port = threads()?.parentPort;
  if (port) disownMessages(port);
  if (isMainThread() && process.send !== undefined) disownIpc();
}

/** A worker whose parent runs Sonde asks nobody else: its environment is a copy of the process's. */
function inheritance(): Inheritance {
  return handed === undefined ? inheritedCarrier() : (handed.carrier ?? {});
}

/** Where Node delivers messages to a port, before listeners of any kind are called. */
const dispatch = Symbol.for('nodejs.internal.kHybridDispatch');

function disownMessages(port: object): void {
  const deliver = (port as Record<symbol, unknown>)[dispatch];
  if (typeof deliver !== 'function') return;
  const value = function (this: unknown, ...args: unknown[]): unknown {
    return runUnowned(() => deliver.apply(this, args));
  };
  Object.defineProperty(port, dispatch, { value, configurable: true, writable: true });
}

function disownIpc(): void {
  const emit = process.emit as (...args: unknown[]) => boolean;
  process.emit = function (this: unknown, ...args: unknown[]): boolean {
    return args[0] === 'message' ? runUnowned(() => emit.apply(this, args)) : emit.apply(this, args);
  } as typeof process.emit;
}
