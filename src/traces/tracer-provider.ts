/** Tracers that decide first: a span that nobody keeps is its ids and nothing else. */
import {
  type Attributes,
  type Context,
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  type TracerOptions,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import type { IdGenerator, ReadableSpan, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { SpanLimits } from '../config/config.ts';
import { isSuppressed } from '../context/suppression.ts';
import { nameText } from '../processing/name-text.ts';
import { keptValue } from './attribute-values.ts';
import { decisions } from './decide.ts';
import { keptAttributes } from './kept-attributes.ts';
import { type OwnSampler, parentIn } from './sampler.ts';
import { keptLinks, RecordedSpan, type SpanHome, type SpanStart } from './span.ts';
import { SpanProcessors } from './span-processors.ts';

export interface TracerProviderParts {
  readonly resource: ReadableSpan['resource'];
  readonly sampler: Sampler | OwnSampler;
  readonly ids: IdGenerator;
  readonly limits: SpanLimits;
  readonly processors: readonly SpanProcessor[];
}

/** Sonde's tracer provider, in the shape of the official one: processors, samplers and exporters plug in unchanged. */
export class SondeTracerProvider implements TracerProvider {
  readonly #parts: TracerProviderParts;
  readonly #processors: SpanProcessors;
  readonly #tracers = new Map<string, Tracer>();

  constructor(parts: TracerProviderParts) {
    this.#parts = parts;
    this.#processors = new SpanProcessors(parts.processors);
  }

  getTracer(givenName: string, givenVersion?: string, options?: TracerOptions): Tracer {
    const name = textOf(givenName) ?? '';
    const version = textOf(givenVersion);
    const schemaUrl = textOf(schemaUrlOf(options));
    const key = `${name}@${version ?? ''}:${schemaUrl ?? ''}`;
    const known = this.#tracers.get(key);
    if (known !== undefined) return known;
    const { resource, limits } = this.#parts;
    const home = { resource, limits, scope: { name, version, schemaUrl }, processors: this.#processors };
    const tracer = new SondeTracer(this.#parts, home);
    this.#tracers.set(key, tracer);
    return tracer;
  }

  /** Resolves when every processor has answered, however. */
  forceFlush(): Promise<void> {
    return this.#processors.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#processors.shutdown();
  }
}

class SondeTracer implements Tracer {
  private readonly parts: TracerProviderParts;
  private readonly home: SpanHome;

  constructor(parts: TracerProviderParts, home: SpanHome) {
    this.parts = parts;
    this.home = home;
  }

  /** Options that cannot be read are none. */
  startSpan(given: string, options?: SpanOptions, context?: Context): Span {
    const name = textOf(given) ?? '';
    try {
      return this.started(name, options ?? {}, context ?? contextApi.active());
    } catch {
      return this.started(name, {}, contextApi.active());
    }
  }

  private started(name: string, options: SpanOptions, given: Context): Span {
    const context = options.root ? trace.deleteSpan(given) : given;
    if (isSuppressed(context)) return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    const parent = parentIn(context);
    const { sampler, ids } = this.parts;
    const traceId = parent?.traceId ?? ids.generateTraceId();
    const birth = { name, options, context, parent, traceId, spanId: ids.generateSpanId() };
    if (!('decide' in sampler)) return this.asked(birth, sampler);
    const { decision, traceState, attributes } = sampler.decide(parent, traceId, name, options);
    const isSampled = decision === decisions.sample;
    const spanContext = contextOf(birth, isSampled, traceState ?? parent?.traceState);
    if (decision === decisions.drop) return trace.wrapSpanContext(spanContext);
    const all = attributes === undefined ? options.attributes : { ...options.attributes, ...attributes };
    return this.recorded(birth, spanContext, all);
  }

  startActiveSpan(name: string, ...rest: unknown[]): any {
    const fn = rest.at(-1) as (span: Span) => unknown;
    if (typeof fn !== 'function') return undefined;
    const options = (rest.length > 1 ? rest[0] : undefined) as SpanOptions | undefined;
    const given = (rest.length > 2 ? rest[1] : undefined) as Context | undefined;
    const context = given ?? contextApi.active();
    const span = this.startSpan(name, options, context);
    return contextApi.with(trace.setSpan(context, span), fn as never, undefined, span);
  }

  /** A sampler of the app's may look at everything, add attributes and change the trace state. */
  private asked(birth: Birth, sampler: Sampler): Span {
    const { name, options, context, traceId } = birth;
    const { attributes } = keptAttributes(options.attributes, Infinity, Infinity, keptValue);
    const kind = options.kind ?? SpanKind.INTERNAL;
    const links = keptLinks(options.links, this.home.limits);
    const answer = sampler.shouldSample(context, traceId, name, kind, attributes, links);
    const isSampled = answer.decision === decisions.sample;
    const spanContext = contextOf(birth, isSampled, answer.traceState ?? birth.parent?.traceState);
    if (!isSampled && answer.decision !== decisions.record) return trace.wrapSpanContext(spanContext);
    return this.recorded(birth, spanContext, { ...attributes, ...answer.attributes });
  }

  private recorded(birth: Birth, spanContext: SpanContext, given: Attributes | undefined): Span {
    const { name, options, context, parent } = birth;
    const { attributeCountLimit, attributeValueLengthLimit, linkCountLimit } = this.home.limits;
    const kept =
      given === undefined
        ? { attributes: {}, droppedAttributesCount: 0 }
        : keptAttributes(given, attributeCountLimit, attributeValueLengthLimit, keptValue);
    const links = Array.isArray(options.links) ? options.links : [];
    const left = links.length > linkCountLimit ? links.slice(links.length - linkCountLimit) : links;
    const start: SpanStart = {
      name,
      kind: options.kind ?? SpanKind.INTERNAL,
      spanContext,
      parentSpanContext: parent,
      attributes: kept.attributes,
      attributesCount: given === undefined ? 0 : Object.keys(kept.attributes).length,
      droppedAttributesCount: kept.droppedAttributesCount,
      links: keptLinks(left, this.home.limits),
      droppedLinksCount: links.length - left.length,
      startTime: options.startTime,
    };
    return new RecordedSpan(this.home, start, context);
  }
}

/** A name of an app may be anything. */
function textOf(given: unknown): string | undefined {
  return typeof given === 'string' || given === undefined ? given : nameText(given);
}

function schemaUrlOf(options: TracerOptions | undefined): string | undefined {
  try {
    return options?.schemaUrl;
  } catch {
    return undefined;
  }
}

/** What is known of a span before it is decided whether it is kept. */
interface Birth {
  readonly name: string;
  readonly options: SpanOptions;
  readonly context: Context;
  readonly parent: SpanContext | undefined;
  readonly traceId: string;
  readonly spanId: string;
}

function contextOf(
  { traceId, spanId }: Birth,
  isSampled: boolean,
  traceState: SpanContext['traceState'],
): SpanContext {
  return { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, traceState };
}
