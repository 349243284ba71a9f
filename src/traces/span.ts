/**
 * A recorded span: OpenTelemetry's `Span` for those who make it, its `ReadableSpan` for processors and exporters, also
 * official ones. What may be said of it is what the official one lets through; it costs less to say.
 */
import {
  type Attributes,
  type AttributeValue,
  type Context,
  diag,
  type Exception,
  type HrTime,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanStatus,
  SpanStatusCode,
  type TimeInput,
} from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import type { SpanLimits } from '../config/config.ts';
import { nameText } from '../processing/name-text.ts';
import { keptPlain, keptValue } from './attribute-values.ts';
import { between, hrTimeOf, isHrTime, isTimeInput, later } from './hr-time.ts';
import { isName, keptAttributes } from './kept-attributes.ts';
import type { SpanProcessors } from './span-processors.ts';

/** What all spans of one tracer have in common. */
export interface SpanHome {
  readonly resource: ReadableSpan['resource'];
  readonly scope: ReadableSpan['instrumentationScope'];
  readonly limits: SpanLimits;
  readonly processors: SpanProcessors;
}

/** What one span begins with. Attributes and links are its own, and within their limits. */
export interface SpanStart {
  readonly name: string;
  readonly kind: SpanKind;
  readonly spanContext: SpanContext;
  readonly parentSpanContext: SpanContext | undefined;
  readonly attributes: Attributes;
  readonly attributesCount: number;
  readonly droppedAttributesCount: number;
  readonly links: Link[];
  readonly droppedLinksCount: number;
  readonly startTime: TimeInput | undefined;
}

export class RecordedSpan implements Span, ReadableSpan {
  name: string;
  readonly kind: SpanKind;
  readonly parentSpanContext: SpanContext | undefined;
  readonly resource: ReadableSpan['resource'];
  readonly instrumentationScope: ReadableSpan['instrumentationScope'];
  attributes: Attributes;
  links: Link[];
  events: TimedEvent[];
  status: SpanStatus;
  startTime: HrTime;
  endTime: HrTime;
  ended: boolean;
  droppedAttributesCount: number;
  droppedEventsCount: number;
  droppedLinksCount: number;
  private readonly own: SpanContext;
  private readonly home: SpanHome;
  /** On the monotonic clock. */
  private readonly startedAt: number;
  /** From the monotonic clock to the epoch. */
  private readonly offset: number;
  private readonly isStartGiven: boolean;
  private attributesCount: number;

  constructor(home: SpanHome, start: SpanStart, context: Context) {
    const now = Date.now();
    this.name = start.name;
    this.kind = start.kind;
    this.parentSpanContext = start.parentSpanContext;
    this.resource = home.resource;
    this.instrumentationScope = home.scope;
    this.attributes = start.attributes;
    this.links = start.links;
    this.events = [];
    this.status = { code: SpanStatusCode.UNSET };
    this.ended = false;
    this.droppedAttributesCount = start.droppedAttributesCount;
    this.droppedEventsCount = 0;
    this.droppedLinksCount = start.droppedLinksCount;
    this.own = start.spanContext;
    this.home = home;
    this.startedAt = performance.now();
    this.offset = now - this.startedAt;
    this.isStartGiven = start.startTime !== undefined && start.startTime !== null;
    this.attributesCount = start.attributesCount;
    this.startTime = hrTimeOf(now);
    this.endTime = [0, 0];
    if (this.isStartGiven) this.startTime = this.readTime(start.startTime);
    home.processors.onStart(this, context);
  }

  spanContext(): SpanContext {
    return this.own;
  }

  isRecording(): boolean {
    return !this.ended;
  }

  get duration(): HrTime {
    return this.ended ? between(this.startTime, this.endTime) : [-1, -1];
  }

  setAttribute(key: string, value: AttributeValue | undefined): this {
    if (this.isOver() || value === undefined) return this;
    const kept = isName(key) ? keptValue(value, this.home.limits.attributeValueLengthLimit) : undefined;
    if (kept === undefined) {
      diag.warn(`Invalid attribute set for key: ${nameText(key)}`);
      return this;
    }
    if (!Object.hasOwn(this.attributes, key)) {
      if (this.attributesCount >= this.home.limits.attributeCountLimit) {
        this.droppedAttributesCount++;
        return this;
      }
      this.attributesCount++;
    }
    this.attributes[key] = kept;
    return this;
  }

  setAttributes(attributes: Attributes): this {
    if (typeof attributes !== 'object') return this;
    for (const key in attributes) {
      if (Object.hasOwn(attributes, key)) this.setAttribute(key, attributes[key]);
    }
    return this;
  }

  /**
   * As `setAttributes`, for Sonde's own instrumentations: the object is made for this span, is nobody else's, and holds
   * plain values under proper names, none of them undefined.
   */
  adopt(attributes: Attributes): void {
    const { attributeCountLimit, attributeValueLengthLimit } = this.home.limits;
    const count = Object.keys(attributes).length;
    const isFree = this.attributesCount === 0 && !this.ended;
    if (isFree && count <= attributeCountLimit && attributeValueLengthLimit === Infinity) {
      this.attributes = attributes;
      this.attributesCount = count;
    } else this.setAttributes(attributes);
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.isOver()) return this;
    const { eventCountLimit, attributePerEventCountLimit, attributeValueLengthLimit } = this.home.limits;
    if (eventCountLimit === 0) {
      this.droppedEventsCount++;
      return this;
    }
    if (this.events.length >= eventCountLimit) {
      this.events.shift();
      this.droppedEventsCount++;
    }
    const isTime = isTimeInput(attributesOrTime);
    const given = isTime ? undefined : attributesOrTime;
    const at = this.readTime(isTime && !isTimeInput(time) ? attributesOrTime : time);
    const kept =
      given === undefined || given === null
        ? undefined
        : keptAttributes(given, attributePerEventCountLimit, attributeValueLengthLimit, keptPlain);
    this.events.push({ name: typeof name === 'string' ? name : nameText(name), time: at, ...kept });
    return this;
  }

  addLink(link: Link): this {
    if (this.isOver()) return this;
    const { linkCountLimit } = this.home.limits;
    if (linkCountLimit === 0) {
      this.droppedLinksCount++;
      return this;
    }
    if (this.links.length >= linkCountLimit) {
      this.links.shift();
      this.droppedLinksCount++;
    }
    this.links.push(keptLink(link, this.home.limits));
    return this;
  }

  addLinks(links: Link[]): this {
    if (!Array.isArray(links)) return this;
    // More than that would give way to those that follow.
    const left = links.slice(-Math.max(this.home.limits.linkCountLimit, 1));
    this.droppedLinksCount += links.length - left.length;
    for (const link of left) this.addLink(link);
    return this;
  }

  setStatus({ code, message }: SpanStatus): this {
    if (this.isOver() || code === SpanStatusCode.UNSET || this.status.code === SpanStatusCode.OK) return this;
    const isTold = code === SpanStatusCode.ERROR && typeof message === 'string';
    this.status = isTold ? { code, message } : { code };
    return this;
  }

  updateName(name: string): this {
    if (!this.isOver()) this.name = typeof name === 'string' ? name : nameText(name);
    return this;
  }

  recordException(exception: Exception, time?: TimeInput): void {
    const attributes = exceptionAttributes(exception);
    if (attributes === undefined) diag.warn(`Failed to record an exception ${nameText(exception)}`);
    else this.addEvent('exception', attributes, time);
  }

  end(endTime?: TimeInput): void {
    if (this.ended) {
      const { traceId, spanId } = this.own;
      diag.error(`${this.name} ${traceId}-${spanId} - You can only call end() on a span once.`);
      return;
    }
    this.endTime = this.readTime(endTime);
    if (between(this.startTime, this.endTime)[0] < 0) {
      diag.warn('Inconsistent start and end time, startTime > endTime. Setting span duration to 0ms.');
      this.endTime = [...this.startTime];
    }
    const { processors } = this.home;
    processors.onEnding(this);
    this.ended = true;
    processors.onEnd(this);
  }

  /** A time that cannot be read is none. */
  private readTime(given: TimeInput | undefined): HrTime {
    try {
      const time = this.timeOf(given);
      return Number.isFinite(time[0]) && Number.isFinite(time[1]) ? time : this.timeOf(undefined);
    } catch {
      return this.timeOf(undefined);
    }
  }

  /** A number below the monotonic clock's is of that clock; without any time it is now, by the clock of the start. */
  private timeOf(given: TimeInput | undefined): HrTime {
    if (given === undefined || given === null) {
      if (this.isStartGiven) return hrTimeOf(Date.now());
      return later(this.startTime, performance.now() - this.startedAt);
    }
    if (typeof given === 'number') return hrTimeOf(given <= performance.now() ? given + this.offset : given);
    if (given instanceof Date) return hrTimeOf(given.getTime());
    return isHrTime(given) ? given : hrTimeOf(Date.now());
  }

  private isOver(): boolean {
    if (this.ended) {
      const { traceId, spanId } = this.own;
      diag.warn(`Operation attempted on ended Span {traceId: ${traceId}, spanId: ${spanId}}`);
    }
    return this.ended;
  }
}

const said = ['setAttribute', 'setAttributes', 'addEvent', 'addLink', 'addLinks', 'setStatus'] as const;

// What is said of a span may throw when it is read: a getter, a proxy. It costs what was said, never the caller.
for (const name of [...said, 'recordException'] as const) {
  const method = RecordedSpan.prototype[name] as (...given: unknown[]) => RecordedSpan;
  const harmless = function (this: RecordedSpan, one: unknown, two?: unknown, three?: unknown): RecordedSpan {
    try {
      return method.call(this, one, two, three);
    } catch {
      diag.warn(`${name}() of a span was left out: what it was given cannot be read.`);
      return this;
    }
  };
  Object.defineProperty(RecordedSpan.prototype, name, {
    value: harmless,
    writable: true,
    configurable: true,
  });
}

/** Those of the links that can be read, as they are kept. */
export function keptLinks(links: unknown, limits: SpanLimits): Link[] {
  if (!Array.isArray(links)) return [];
  return links.flatMap((link) => {
    try {
      return keptLink(link, limits);
    } catch {
      return [];
    }
  });
}

/** A link as it is kept. */
function keptLink({ context, attributes }: Link, limits: SpanLimits): Link {
  // A link to nowhere would take its whole span along when it is encoded.
  if (typeof context.traceId !== 'string' || typeof context.spanId !== 'string') throw new TypeError();
  if (attributes === undefined || attributes === null) return { context };
  const { attributePerLinkCountLimit, attributeValueLengthLimit } = limits;
  const kept = keptAttributes(attributes, attributePerLinkCountLimit, attributeValueLengthLimit, keptValue);
  return { context, ...kept };
}

/** `undefined` for what says neither its type nor its message. */
function exceptionAttributes(exception: Exception): Attributes | undefined {
  if (typeof exception === 'string') return { 'exception.message': exception };
  if (!exception) return undefined;
  const { code, name, message, stack } = exception;
  if (!code && !name && !message) return undefined;
  return {
    ...((code || name) && { 'exception.type': String(code || name) }),
    ...(message && { 'exception.message': message }),
    ...(stack && { 'exception.stacktrace': stack }),
  };
}
