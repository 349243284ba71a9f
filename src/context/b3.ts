/** Zipkin's B3, both ways to write it: `b3` (one header) and `b3multi` of `OTEL_PROPAGATORS`. */
import type { Context, SpanContext } from '@opentelemetry/api';
import { type Format, isDebugTrace, type ReadHeader, spanToSend, withRemoteParent } from './format.ts';
import { isZero, sampledFlag } from './traceparent.ts';

const single = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d]))?(?:-(?:[0-9a-f]{16}))?$/;
const traceIdShape = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const spanIdShape = /^[0-9a-f]{16}$/;

/** Both forms are read whichever is configured, the single header first, as OpenTelemetry asks. */
function extract(context: Context, read: ReadHeader): Context {
  return extractSingle(context, read('b3')) ?? extractMulti(context, read) ?? context;
}

function extractSingle(context: Context, header: string | undefined): Context | undefined {
  const parts = header === undefined ? null : single.exec(header);
  if (parts === null) return undefined;
  return remote(context, parts[1] as string, parts[2] as string, parts[3]);
}

function extractMulti(context: Context, read: ReadHeader): Context | undefined {
  const traceId = read('x-b3-traceid');
  const spanId = read('x-b3-spanid');
  if (traceId === undefined || spanId === undefined) return undefined;
  if (!traceIdShape.test(traceId) || !spanIdShape.test(spanId)) return undefined;
  const sampled = read('x-b3-flags') === '1' ? 'd' : read('x-b3-sampled');
  return remote(context, traceId, spanId, sampled === 'true' ? '1' : sampled);
}

/** A 64-bit trace id is padded on the left. A caller that left the decision open counts as not sampled. */
function remote(context: Context, traceId: string, spanId: string, decision?: string): Context | undefined {
  if (isZero(traceId) || isZero(spanId)) return undefined;
  const debug = decision === 'd';
  const traceFlags = debug || decision === '1' ? sampledFlag : 0;
  return withRemoteParent(
    context,
    { traceId: traceId.padStart(32, '0'), spanId, traceFlags, isRemote: true },
    debug,
  );
}

function isSampled(span: SpanContext): boolean {
  return (span.traceFlags & sampledFlag) !== 0;
}

/** `b3: <trace>-<span>-<1|0|d>`. */
export const b3Format: Format = {
  fields: ['b3'],
  extract,
  inject(context, write) {
    const span = spanToSend(context);
    if (span === undefined) return;
    const decision = isDebugTrace(context, span) ? 'd' : isSampled(span) ? '1' : '0';
    write('b3', `${span.traceId}-${span.spanId}-${decision}`);
  },
};

/** `X-B3-TraceId`, `X-B3-SpanId`, and `X-B3-Flags: 1` for debug or `X-B3-Sampled`. */
export const b3MultiFormat: Format = {
  fields: ['x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags'],
  extract,
  inject(context, write) {
    const span = spanToSend(context);
    if (span === undefined) return;
    write('x-b3-traceid', span.traceId);
    write('x-b3-spanid', span.spanId);
    if (isDebugTrace(context, span)) write('x-b3-flags', '1');
    else write('x-b3-sampled', isSampled(span) ? '1' : '0');
  },
};
