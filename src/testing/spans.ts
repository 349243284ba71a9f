/** Spans of one call of a test, as plain data. */

import { clearTimeout, setTimeout } from 'node:timers';
import type { Attributes, Context, SpanContext } from '@opentelemetry/api';
import type { CallSite } from '../logs/call-site.ts';
import { type SpanWatcher, watched } from '../traces/watched.ts';
import { belongs, type Scope } from './scope.ts';

/** A span that has ended. */
export interface CollectedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly attributes: Readonly<Attributes>;
  readonly status: 'unset' | 'ok' | 'error';
  readonly statusMessage?: string;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Attributes> }[];
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly durationMillis: number;
  /** Of a database call: where the app asked, as `loadOrder (/app/orders.js:12)`. */
  readonly askedAt?: string;
}

/** sdk-trace's ReadableSpan, as far as it is read here. */
interface EndedSpan {
  readonly name: string;
  readonly kind: number;
  readonly attributes: Attributes;
  readonly status: { readonly code: number; readonly message?: string };
  readonly events: readonly { readonly name: string; readonly attributes?: Attributes }[];
  readonly parentSpanContext?: { readonly spanId: string };
  readonly duration: readonly [seconds: number, nanos: number];
  spanContext(): SpanContext;
}

const kinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;
const statuses = ['unset', 'ok', 'error'] as const;
/** Milliseconds for which a server's span may outlive the answer that the test has got. */
const longestWait = 1_000;
// Taken at load: a runner's fake timers must not stop the waiting.
const timers = { clearTimeout, setTimeout };

/** Watches the spans of a scope until `stop`. */
export interface SpanWatch {
  /** Resolves when every span that has started has ended, a second later at the latest. */
  settled(): Promise<void>;
  stop(): void;
  /** Those that have ended, in the order of their start. */
  spans(): CollectedSpan[];
}

export function watchSpans(scope: Scope): SpanWatch {
  const all = new Map<object, boolean>();
  let onSettled = (): void => {};
  const isSettled = (): boolean => [...all.values()].every(Boolean);
  const watcher: SpanWatcher = {
    started(span, parentContext: Context) {
      const { traceId } = (span as EndedSpan).spanContext();
      if (belongs(scope, parentContext, traceId)) all.set(span, false);
    },
    ended(span) {
      if (!all.has(span)) return;
      all.set(span, true);
      if (isSettled()) onSettled();
    },
  };
  watched.spans.add(watcher);
  return {
    settled: () =>
      new Promise((resolve) => {
        if (isSettled()) return resolve();
        const timer = timers.setTimeout(resolve, longestWait);
        onSettled = () => {
          timers.clearTimeout(timer);
          resolve();
        };
      }),
    stop: () => void watched.spans.delete(watcher),
    spans: () => [...all].flatMap(([span, hasEnded]) => (hasEnded ? [plain(span as EndedSpan)] : [])),
  };
}

function plain(span: EndedSpan): CollectedSpan {
  const { traceId, spanId } = span.spanContext();
  const [seconds, nanos] = span.duration;
  return {
    name: span.name,
    kind: kinds[span.kind] ?? 'internal',
    attributes: { ...span.attributes },
    status: statuses[span.status.code] ?? 'unset',
    statusMessage: span.status.message,
    events: span.events.map(({ name, attributes }) => ({ name, attributes: { ...attributes } })),
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    durationMillis: seconds * 1_000 + nanos / 1e6,
    askedAt: placeText(watched.askedAt.get(span)),
  };
}

function placeText(site: CallSite | undefined): string | undefined {
  if (site === undefined || site.pathname === '') return undefined;
  const { pathname, line, functionName } = site;
  return functionName === '' ? `${pathname}:${line}` : `${functionName} (${pathname}:${line})`;
}
