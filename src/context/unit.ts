/**
 * The unit of work, as the app sees it. What a request started keeps its id, also after the response; a new
 * request starts from the root; outside any unit there is no id.
 */
import type { AttributeValue } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';
import { usableAttributes } from './attributes.ts';
import { activeContext, bindTo, detachedContext, runIn } from './context.ts';
import {
  type Attributes,
  type Correlation,
  correlationOf,
  type Scope,
  stampOf,
  unitOf,
  withCorrelation,
} from './correlation.ts';
import { propagation } from './propagation.ts';

/**
 * Runs `fn` with `attributes` on every log record and span born in it, also after `await`, in timers and in
 * callbacks that it starts; gives back what `fn` returns. Values that are no attribute are left out. (A26)
 */
export function withContext<T>(attributes: Readonly<Record<string, unknown>>, fn: () => T): T {
  const context = activeContext();
  const outer = correlationOf(context);
  const bound = usableAttributes(attributes);
  const inner = outer === undefined ? unitWith(bound) : scoped({ outer, bound });
  return run(() => runIn(withCorrelation(context, inner), fn), fn);
}

/**
 * Adds `attributes` to the current unit of work: they are seen by everything of it from now on, after awaits, in
 * what is running beside, by the span that began the unit if it has not ended, and in a request's access record. Of
 * two values for one name the last one said holds. Outside a unit of work there is nothing to add to: one debug line, no effect. (A26, A30)
 */
export function addContext(attributes: Readonly<Record<string, unknown>>): void {
  const correlation = correlationOf(activeContext());
  if (correlation === undefined) {
    diagnostics.debug('addContext() was called outside a unit of work; nothing was added.');
    return;
  }
  const added = usableAttributes(attributes);
  unbind(correlation, added);
  const unit = unitOf(correlation);
  unit.attributes = { ...unit.attributes, ...added };
  addToEntrySpan(unit, added);
}

/**
 * Adds `fields` to the one access record of the current request, and to its span: what it has been about. Unlike
 * `addContext` it is on no other record. Of two values for one name the last one said holds. The record takes any
 * value, the span plain ones. Outside a request there is only the span that began the unit, if any. Never throws. (A64)
 *
 * @example annotate({ 'cart.items': 3, coupon: 'SPRING' });
 */
export function annotate(fields: Readonly<Record<string, unknown>>): void {
  const correlation = correlationOf(activeContext());
  if (correlation === undefined || typeof fields !== 'object' || fields === null) {
    diagnostics.debug('annotate() was called outside a request or without fields; nothing was added.');
    return;
  }
  const unit = unitOf(correlation);
  if (unit.activity !== undefined) unit.activity.notes = joined(unit.activity.notes, fields);
  addToEntrySpan(unit, usableAttributes(fields));
}

/** `fn`, always run in the context that is current now: for callbacks that a library calls from elsewhere. (A26) */
export function keepContext<F extends (...args: any[]) => unknown>(fn: F): F {
  return typeof fn === 'function' ? bindTo(activeContext(), fn) : fn;
}

/**
 * Runs `fn` for nobody and gives back what it returns: for caches, intervals and connections that outlive the
 * request which happens to open them. (A29)
 */
export function detached<T>(fn: () => T): T {
  return run(() => runIn(detachedContext(), fn), fn);
}

/**
 * The id that joins everything of this unit of work: the caller's correlation id, or the trace id; `undefined`
 * outside any. (A27)
 */
export function correlationId(): string | undefined {
  return stampOf(activeContext()).correlationId;
}

/**
 * Writes the current context into a message's headers and gives them back. The receiver reads them by `extract`.
 * Everything is written, the correlation id and baggage too: a queue is trusted. (A31)
 */
export function inject<C extends object = Record<string, string>>(carrier: C = {} as C): C {
  if (typeof carrier === 'object' && carrier !== null) propagation().inject(carrier, activeContext());
  return carrier;
}

/**
 * Runs `fn` as a unit of work that continues the context in `carrier`, and gives back what it returns. It starts
 * from the root: nothing of the context around is kept. A carrier that cannot be believed starts a new trace. Messages
 * that were received without a callback (SQS, a NATS iterator, one job of a batch) are carriers themselves. (A31)
 *
 * @example for (const message of Messages ?? []) await extract(message, () => handle(message));
 */
export function extract<T>(carrier: unknown, fn: () => T): T {
  return run(() => runIn(propagation().extract(carrier), fn), fn);
}

/** Errors of `fn` are the app's own; that there is no `fn` is not worth a crash. */
function run<T>(call: () => T, fn: unknown): T {
  if (typeof fn === 'function') return call();
  diagnostics.debug('A context function was called without a function to run.');
  return undefined as T;
}

/** Attributes without a request, a job or a message around: a unit of its own, whose id is its trace's. */
function unitWith(attributes: Attributes): Correlation {
  return { id: undefined, requestId: undefined, attributes };
}

/** Sees what is added to the unit later, and puts its own on top; merged again only when one of them changed. */
function scoped(scope: Scope): Correlation {
  let below: Attributes | undefined;
  let above: Attributes | undefined;
  let merged: Attributes = {};
  return {
    id: scope.outer.id,
    requestId: scope.outer.requestId,
    scope,
    get attributes() {
      const outer = scope.outer.attributes;
      if (outer !== below || scope.bound !== above) {
        below = outer;
        above = scope.bound;
        merged = { ...below, ...above };
      }
      return merged;
    },
  };
}

/** On the way out to the unit each scope gives up the names that are now said anew. */
function unbind(correlation: Correlation, added: Attributes): void {
  for (let { scope } = correlation; scope !== undefined; scope = scope.outer.scope) {
    scope.bound = Object.fromEntries(
      Object.entries(scope.bound).filter(([name]) => !Object.hasOwn(added, name)),
    );
  }
}

/** A Proxy may refuse to be listed. */
function joined(before: Readonly<Record<string, unknown>> | undefined, fields: object): typeof before {
  try {
    return { ...before, ...fields };
  } catch {
    return before;
  }
}

function addToEntrySpan({ entrySpan }: Correlation, added: Attributes): void {
  if (entrySpan?.isRecording() !== true) return;
  for (const name in added) entrySpan.setAttribute(name, added[name] as AttributeValue);
}
