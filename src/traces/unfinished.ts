/** Spans that are open, for the moment when the process may not live to end them. */
import type { HrTime } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';

export interface OpenSpans extends SpanProcessor {
  /** Each open span as it would be if it ended now, with `sonde.unfinished`. They stay open. */
  copies(): ReadableSpan[];
}

/** An app that never ends its spans must not be remembered without bound. */
const most = 1000;

export function openSpans(): OpenSpans {
  const open = new Set<ReadableSpan>();
  return {
    onStart(span) {
      if (open.size < most) open.add(span as unknown as ReadableSpan);
    },
    onEnd(span) {
      open.delete(span);
    },
    copies: () => [...open].map(unfinished),
    async forceFlush() {},
    async shutdown() {
      open.clear();
    },
  };
}

/** A copy to its depth: what is taken out of it before it is sent must stay in the span, which goes on. */
function unfinished(span: ReadableSpan): ReadableSpan {
  const context = { ...span.spanContext() };
  const endTime = laterOf(span.startTime, hrTime(Date.now()));
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => context,
    parentSpanContext: span.parentSpanContext,
    startTime: span.startTime,
    endTime,
    duration: between(span.startTime, endTime),
    ended: true,
    status: { ...span.status },
    attributes: { ...span.attributes, 'sonde.unfinished': true },
    events: span.events.map((event) => ({ ...event, attributes: { ...event.attributes } })),
    links: span.links.map((link) => ({ ...link, attributes: { ...link.attributes } })),
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}

function hrTime(millis: number): HrTime {
  return [Math.floor(millis / 1000), Math.round((millis % 1000) * 1e6)];
}

function laterOf(first: HrTime, second: HrTime): HrTime {
  return first[0] > second[0] || (first[0] === second[0] && first[1] > second[1]) ? first : second;
}

function between(start: HrTime, end: HrTime): HrTime {
  const nanos = end[1] - start[1];
  return nanos < 0 ? [end[0] - start[0] - 1, nanos + 1e9] : [end[0] - start[0], nanos];
}
