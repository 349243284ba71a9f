/** How a context comes in from callers and goes out to callees. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { type Config, defaults } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';
import { shared } from '../slot.ts';
import { newActivity } from './activity.ts';
import { b3Format, b3MultiFormat } from './b3.ts';
import { carrierOf, readCarrier, textOf, writeCarrier } from './carrier.ts';
import { rootContext } from './context.ts';
import { correlationOf, stampOf, withCorrelation } from './correlation.ts';
import { createDestinations } from './destinations.ts';
import type { Format, ReadHeader, WriteHeader } from './format.ts';
import { generateCorrelationId, isCorrelationId } from './ids.ts';
import { isSuppressed } from './suppression.ts';
import { baggageFormat, traceContextFormat } from './w3c.ts';

/** What a request brought, as far as it can be believed. */
export interface Incoming {
  /** Begins at the root: with the caller's span and baggage, without a unit of work yet. */
  readonly context: Context;
  readonly correlationId?: string;
  /** A valid `X-Request-ID`. */
  readonly requestId?: string;
  /** The header that `correlationId` came in, in the configured case: the name to echo it under. */
  readonly headerName?: string;
}

export interface Propagation {
  /** The header that the correlation id goes out in, and is echoed in when none came. */
  readonly correlationHeader: string;
  /** Whether anything goes out at all; false for `OTEL_PROPAGATORS=none`. */
  readonly sends: boolean;
  /** Reads the headers of a request. Never throws; what is malformed is kept nowhere. */
  extractRequest(headers: IncomingHttpHeaders): Incoming;
  /**
   * Writes what a request to `host` (with or without port) is to carry: trace headers always, the correlation id
   * and baggage where the host is trusted with them, unless `has` tells that the app has set the header itself: for
   * the correlation id under any name (lower case) of the list, or the callee would believe ours over the app's.
   */
  injectRequest(host: string, context: Context, has: HasHeader, set: WriteHeader): void;
  /** A fresh correlation id; `undefined` when the trace id stands for it (generator `trace`). */
  newCorrelationId(): string | undefined;
  /** For OpenTelemetry's API. It knows no host, so it writes everything: for messages, not for strangers. */
  readonly textMap: TextMapPropagator;
  /** Writes everything into a message's headers; a correlation id that is there already stays. */
  inject(carrier: object, context: Context): void;
  /** The context of a message's sender, begun at the root as a unit of work of its own. */
  extract(carrier: unknown): Context;
}

/** Whether the app has set a header of this lower-case name. */
export type HasHeader = (lowerName: string) => boolean;

type PropagationConfig = Pick<Config, 'propagators' | 'correlation'>;

const formatsByName: Readonly<Record<string, Format>> = {
  tracecontext: traceContextFormat,
  baggage: baggageFormat,
  b3: b3Format,
  b3multi: b3MultiFormat,
};

const requestIdHeader = 'x-request-id';

/** A configuration, thought through once. */
interface Plan {
  readonly formats: readonly Format[];
  /** Those that name a trace; baggage is for trusted hosts only. */
  readonly traceFormats: readonly Format[];
  readonly sendsBaggage: boolean;
  readonly headers: readonly string[];
  readonly lowerNames: readonly string[];
  readonly correlationHeader: string;
  newCorrelationId(): string | undefined;
}

function planOf({ propagators, correlation: { headers, generator } }: PropagationConfig): Plan {
  const formats = [...new Set(propagators)].flatMap((name) => formatsByName[name] ?? []);
  return {
    formats,
    traceFormats: formats.filter((format) => format !== baggageFormat),
    sendsBaggage: formats.includes(baggageFormat),
    headers,
    lowerNames: headers.map((name) => name.toLowerCase()),
    correlationHeader: headers[0] ?? 'X-Correlation-ID',
    newCorrelationId: () => generateCorrelationId(generator),
  };
}

function extractFormats({ formats }: Plan, context: Context, read: ReadHeader): Context {
  let found = context;
  for (const format of formats) found = format.extract(found, read);
  return found;
}

/** Where in the list the first valid correlation id stands. */
function findCorrelation({ lowerNames }: Plan, read: ReadHeader): number {
  return lowerNames.findIndex((name) => isCorrelationId(read(name)));
}

function extractRequest(plan: Plan, incoming: IncomingHttpHeaders): Incoming {
  const read: ReadHeader = (name) => textOf(incoming[name]);
  const found = findCorrelation(plan, read);
  const requestId = plan.headers.length === 0 ? undefined : read(requestIdHeader);
  return {
    context: extractFormats(plan, rootContext, read),
    correlationId: found < 0 ? undefined : read(plan.lowerNames[found] as string),
    requestId: isCorrelationId(requestId) ? requestId : undefined,
    headerName: found < 0 ? undefined : plan.headers[found],
  };
}

/** What comes from outside is a unit of work of its own, unless the caller's context already is one. */
function extractUnit(plan: Plan, context: Context, read: ReadHeader): Context {
  const found = findCorrelation(plan, read);
  const sent = found < 0 ? undefined : read(plan.lowerNames[found] as string);
  const extracted = extractFormats(plan, context, read);
  if (sent === undefined && correlationOf(context) !== undefined) return extracted;
  const id = sent ?? plan.newCorrelationId();
  return withCorrelation(extracted, { id, requestId: undefined, attributes: {}, activity: newActivity() });
}

/** With nothing configured nothing goes out, not even the correlation id. */
function injectTrace({ formats, traceFormats }: Plan, context: Context, set: WriteHeader): boolean {
  if (formats.length === 0 || isSuppressed(context)) return false;
  for (const format of traceFormats) format.inject(context, set);
  return true;
}

function injectPrivate(plan: Plan, context: Context, set: WriteHeader, setId: WriteHeader): void {
  if (plan.sendsBaggage) baggageFormat.inject(context, set);
  const id = stampOf(context).correlationId;
  if (id !== undefined) setId(plan.correlationHeader, id);
}

function injectMessage(plan: Plan, context: Context, carrier: object): void {
  const set: WriteHeader = (name, value) => writeCarrier(carrier, name, value);
  const setId: WriteHeader = (name, value) => {
    if (readCarrier(carrier, name) === undefined) set(name, value);
  };
  if (injectTrace(plan, context, set)) injectPrivate(plan, context, set, setId);
}

/** A carrier that throws when it is read brings nothing. */
function got(getter: TextMapGetter, carrier: unknown, name: string): unknown {
  try {
    return getter.get(carrier, name);
  } catch {
    return undefined;
  }
}

/** One that throws when it is written to takes nothing along. */
function put(setter: TextMapSetter, carrier: unknown, name: string, value: string): void {
  try {
    setter.set(carrier, name, value);
  } catch {
    diagnostics.debug('A carrier of trace context could not be written to.');
  }
}

function textMapOf(plan: Plan): TextMapPropagator {
  const { formats, correlationHeader } = plan;
  return {
    fields: () =>
      formats.length === 0 ? [] : [...formats.flatMap((format) => format.fields), correlationHeader],
    inject(context: Context, carrier: unknown, setter: TextMapSetter) {
      const set: WriteHeader = (name, value) => put(setter, carrier, name, value);
      if (injectTrace(plan, context, set)) injectPrivate(plan, context, set, set);
    },
    extract(context: Context, carrier: unknown, getter: TextMapGetter) {
      const read: ReadHeader = (name) => textOf(got(getter, carrier, name)) ?? readCarrier(carrier, name);
      return extractUnit(plan, context, read);
    },
  };
}

/** The propagation of one configuration. Unknown propagator names are left to the configuration to report. */
export function createPropagation(config: PropagationConfig): Propagation {
  const plan = planOf(config);
  const isTrusted = createDestinations(config.correlation.propagateTo);
  return {
    correlationHeader: plan.correlationHeader,
    sends: plan.formats.length > 0,
    newCorrelationId: plan.newCorrelationId,
    textMap: textMapOf(plan),
    extractRequest: (headers) => extractRequest(plan, headers),
    injectRequest(host, context, has, set) {
      const add: WriteHeader = (name, value) => {
        if (!has(name.toLowerCase())) set(name, value);
      };
      const addId: WriteHeader = (name, value) => {
        if (!plan.lowerNames.some(has)) add(name, value);
      };
      if (injectTrace(plan, context, add) && isTrusted(host)) injectPrivate(plan, context, add, addId);
    },
    inject: (carrier, context) => injectMessage(plan, context, carrier),
    extract(message) {
      const carrier = carrierOf(message);
      return extractUnit(plan, rootContext, (name) => readCarrier(carrier, name));
    },
  };
}

const current = shared('propagation', () => ({ propagation: createPropagation(defaults) }));

/** The propagation of the running Sonde; before `init`, that of the defaults. */
export function propagation(): Propagation {
  return current.propagation;
}

/** Makes `next` the propagation of the process; `init` calls this once. */
export function usePropagation(next: Propagation): void {
  current.propagation = next;
}
