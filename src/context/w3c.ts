/** The two W3C formats of `OTEL_PROPAGATORS`: `tracecontext` and `baggage`. */
import { propagation } from '@opentelemetry/api';
import { formatBaggage, parseBaggage } from './baggage.ts';
import { type Format, isRandomTrace, spanToSend, withRemoteParent } from './format.ts';
import { formatTraceparent, parseTraceparent, randomFlag, sampledFlag } from './traceparent.ts';
import { parseTracestate } from './tracestate.ts';

/** `traceparent` and `tracestate`. A wrong `tracestate` is dropped alone; without `traceparent` it is not read. */
export const traceContextFormat: Format = {
  fields: ['traceparent', 'tracestate'],
  extract(context, read) {
    const header = read('traceparent');
    const parent = header === undefined ? undefined : parseTraceparent(header);
    if (parent === undefined) return context;
    const state = read('tracestate');
    if (state !== undefined) parent.traceState = parseTracestate(state);
    return withRemoteParent(context, parent);
  },
  inject(context, write) {
    const span = spanToSend(context);
    if (span === undefined) return;
    const flags = (span.traceFlags & sampledFlag) | (isRandomTrace(context, span) ? randomFlag : 0);
    write('traceparent', formatTraceparent(span, flags));
    const state = span.traceState?.serialize();
    if (state) write('tracestate', state);
  },
};

/** `baggage`; a header replaces what the context had. */
export const baggageFormat: Format = {
  fields: ['baggage'],
  extract(context, read) {
    const header = read('baggage');
    const baggage = header === undefined ? undefined : parseBaggage(header);
    return baggage === undefined ? context : propagation.setBaggage(context, baggage);
  },
  inject(context, write) {
    const baggage = propagation.getBaggage(context);
    const header = baggage === undefined ? '' : formatBaggage(baggage);
    if (header !== '') write('baggage', header);
  },
};
