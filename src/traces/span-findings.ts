/**
 * What spans show to be wrong: work that still runs when the work that started it has ended, and work that has lost
 * its request on the way. A finding is one WARN record per quarter of an hour, an event on its span, and always a count.
 */
import { type Context, type Meter, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Config } from '../config/config.ts';
import { isDetached } from '../context/context.ts';
import { correlationOf } from '../context/correlation.ts';
import { callSite } from '../logs/call-site.ts';
import { tellFinding } from '../logs/finding.ts';

const startedIn: unique symbol = Symbol('sonde.started-in');

/** As much of the SDK's span as is read here; another's has only some of it. */
interface SeenSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly ended?: boolean;
  readonly status: { readonly code: SpanStatusCode };
  addEvent(name: string): unknown;
  [startedIn]?: Context;
}

/** OpenTelemetry's `SpanProcessor`, structurally. */
interface Finder {
  onStart(span: SeenSpan, context: Context): void;
  onEnding?(span: SeenSpan): void;
  onEnd(span: SeenSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

const logger = 'sonde.traces';
const mostNames = 500;
const nothing = async (): Promise<void> => {};

/** One for each finding that is on. */
export function spanFindings({ lateSpans, lostContext }: Config['traces'], meter: Meter): Finder[] {
  return [...(lateSpans ? [lateSpanFinder(meter)] : []), ...(lostContext ? [lostContextFinder(meter)] : [])];
}

function lateSpanFinder(meter: Meter): Finder {
  const count = meter.createCounter('sonde.traces.late_spans', {
    unit: '{span}',
    description: 'Spans that were still running when the one that started them ended.',
  });
  return {
    // What starts when its parent has ended is work of its own.
    onStart(span, context) {
      const parent = parentIn(context);
      if (parent?.ended === false) span[startedIn] = context;
    },
    // The last moment in which a span takes an event.
    onEnding(span) {
      const context = span[startedIn];
      const parent = context && parentIn(context);
      if (parent?.ended !== true || hasFailed(parent) || hasFailed(span)) return;
      count.add(1, {}, context);
      span.addEvent('sonde.late_span');
      tellFinding(`late ${parent.name} ${span.name}`, {
        logger,
        message: `${span.name} was still running when ${parent.name} ended: is there an await missing?`,
        fields: {},
        context: trace.setSpan(context as Context, span as never),
      });
    },
    onEnd() {},
    forceFlush: nothing,
    shutdown: nothing,
  };
}

function parentIn(context: Context): SeenSpan | undefined {
  return trace.getSpan(context) as SeenSpan | undefined;
}

/** Work that fails or is given up leaves behind what it had begun, and is told of its failure before all is over. */
function hasFailed({ status }: SeenSpan): boolean {
  return status.code === SpanStatusCode.ERROR;
}

/**
 * An interval may well ask a database for nobody. But what is part of a request at one time, and at another runs for
 * nobody while requests are served, has probably gone through a queue or an emitter that keeps no context.
 */
function lostContextFinder(meter: Meter): Finder {
  const count = meter.createCounter('sonde.traces.lost_contexts', {
    unit: '{span}',
    description: 'Spans that belonged to no request although they are part of one at other times.',
  });
  const inside = new Set<string>();
  let served = 0;

  function look(span: SeenSpan, context: Context): void {
    if (trace.getSpan(context) !== undefined || correlationOf(context) !== undefined) {
      if (inside.size < mostNames) inside.add(span.name);
    } else if (served > 0 && inside.has(span.name) && !isDetached(context)) tell(span, context);
  }

  function tell(span: SeenSpan, context: Context): void {
    count.add(1, {}, context);
    span.addEvent('sonde.lost_context');
    tellFinding(`lost ${span.name}`, {
      logger,
      message: `Lost context: ${span.name} ran for no request, though it is part of one at other times. keepContext(fn) binds a callback, detached(fn) says that it belongs to nobody.`,
      fields: {},
      context: trace.setSpan(context, span as never),
      site: callSite,
    });
  }

  return {
    onStart(span, context) {
      if (span.kind === SpanKind.SERVER || span.kind === SpanKind.CONSUMER) served += 1;
      else if (span.kind !== SpanKind.INTERNAL && namesTarget(span.name)) look(span, context);
    },
    onEnd({ kind }) {
      if (kind === SpanKind.SERVER || kind === SpanKind.CONSUMER) served -= 1;
    },
    forceFlush: nothing,
    shutdown: nothing,
  };
}

/** `SELECT orders` says what is done, `GET` may be anything. */
function namesTarget(name: string): boolean {
  return name.includes(' ');
}
