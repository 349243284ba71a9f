/** How a context comes in from callers and goes out to callees. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Context, TextMapGetter, TextMapPropagator, TextMapSetter } from '@opentelemetry/api';
import { type Config, defaults } from '../config/config.ts';
import { shared } from '../slot.ts';
import { b3Format, b3MultiFormat } from './b3.ts';
import { readCarrier, textOf, writeCarrier } from './carrier.ts';
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
   * and baggage where the host is trusted with them. Whether the app has set a header already is for `set` to see.
   */
  injectRequest(host: string, context: Context, set: WriteHeader): void;
  /** A fresh correlation id; `undefined` when the trace id stands for it (generator `trace`). */
  newCorrelationId(): string | undefined;
  /** For OpenTelemetry's API. It knows no host, so it writes everything: for messages, not for strangers. */
  readonly textMap: TextMapPropagator;
  /** Writes everything into a message's headers; a correlation id that is there already stays. */
  inject(carrier: object, context: Context): void;
  /** The context of a message's sender, begun at the root as a unit of work of its own. */
  extract(carrier: unknown): Context;
}

type PropagationConfig = Pick<Config, 'propagators' | 'correlation'>;

const formats: Readonly<Record<string, Format>> = {
  tracecontext: traceContextFormat,
  baggage: baggageFormat,
  b3: b3Format,
  b3multi: b3MultiFormat,
};

const requestIdHeader = 'x-request-id';

/** The propagation of one configuration. Unknown propagator names are left to the configuration to report. */
export function createPropagation(config: PropagationConfig): Propagation {
  const { headers, generator, propagateTo } = config.correlation;
  const chosen = [...new Set(config.propagators)].flatMap((name) => formats[name] ?? []);
  const traceFormats = chosen.filter((format) => format !== baggageFormat);
  const sends = chosen.length > 0;
  const withBaggage = chosen.includes(baggageFormat);
  const correlationHeader = headers[0] ?? 'X-Correlation-ID';
  const lowerNames = headers.map((name) => name.toLowerCase());
  const isTrusted = createDestinations(propagateTo);
  const newCorrelationId = (): string | undefined => generateCorrelationId(generator);

  function extractAll(context: Context, read: ReadHeader): Context {
    let found = context;
    for (const format of chosen) found = format.extract(found, read);
    return found;
  }

  function findCorrelation(read: ReadHeader): number {
    return lowerNames.findIndex((name) => isCorrelationId(read(name)));
  }

  function extractRequest(incoming: IncomingHttpHeaders): Incoming {
    const read: ReadHeader = (name) => textOf(incoming[name]);
    const found = findCorrelation(read);
    const requestId = headers.length === 0 ? undefined : read(requestIdHeader);
    return {
      context: extractAll(rootContext, read),
      correlationId: found < 0 ? undefined : read(lowerNames[found] as string),
      requestId: isCorrelationId(requestId) ? requestId : undefined,
      headerName: found < 0 ? undefined : headers[found],
    };
  }

  function injectRequest(host: string, context: Context, set: WriteHeader): void {
    if (!sends || isSuppressed(context)) return;
    for (const format of traceFormats) format.inject(context, set);
    if (isTrusted(host)) injectTrusted(context, set, set);
  }

  function injectTrusted(context: Context, set: WriteHeader, setCorrelation: WriteHeader): void {
    if (withBaggage) baggageFormat.inject(context, set);
    const id = stampOf(context).correlationId;
    if (id !== undefined) setCorrelation(correlationHeader, id);
  }

  function injectAll(context: Context, set: WriteHeader, setCorrelation: WriteHeader): void {
    if (!sends || isSuppressed(context)) return;
    for (const format of traceFormats) format.inject(context, set);
    injectTrusted(context, set, setCorrelation);
  }

  /** What comes from outside is a unit of work of its own, unless the caller's context already is one. */
  function extractUnit(context: Context, read: ReadHeader): Context {
    const found = findCorrelation(read);
    const sent = found < 0 ? undefined : read(lowerNames[found] as string);
    const extracted = extractAll(context, read);
    if (sent === undefined && correlationOf(context) !== undefined) return extracted;
    return withCorrelation(extracted, {
      id: sent ?? newCorrelationId(),
      requestId: undefined,
      attributes: {},
    });
  }

  const textMap: TextMapPropagator = {
    fields: () => (sends ? [...chosen.flatMap((format) => format.fields), correlationHeader] : []),
    inject(context: Context, carrier: unknown, setter: TextMapSetter) {
      const set: WriteHeader = (name, value) => setter.set(carrier, name, value);
      injectAll(context, set, set);
    },
    extract(context: Context, carrier: unknown, getter: TextMapGetter) {
      return extractUnit(context, (name) => textOf(getter.get(carrier, name)) ?? readCarrier(carrier, name));
    },
  };

  return {
    correlationHeader,
    sends,
    extractRequest,
    injectRequest,
    newCorrelationId,
    textMap,
    inject(carrier, context) {
      const set: WriteHeader = (name, value) => writeCarrier(carrier, name, value);
      injectAll(context, set, (name, value) => {
        if (readCarrier(carrier, name) === undefined) set(name, value);
      });
    },
    extract: (carrier) => extractUnit(rootContext, (name) => readCarrier(carrier, name)),
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
