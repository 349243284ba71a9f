/**
 * Tail sampling: the spans and the details of a trace wait until its local root ends, and are then kept whole or left
 * out whole. Only traces that nothing has picked beforehand come here. One verdict for a trace, as long as it is
 * remembered; it falls as soon as it is known that the trace is kept.
 */
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { TailConfig } from '../config/config.ts';
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import { diagnostics } from '../diagnostics.ts';
import { isNeverHeld } from '../logs/details.ts';
import { heldRecord } from '../logs/held-record.ts';
import type { LogRecord } from '../logs/record.ts';
import { weightOf } from '../logs/record-weight.ts';
import type { HeldState } from '../sonde.ts';
import { parseSlow, type SlowLimits, slowMillisOf } from './slow-limits.ts';
import { spanWeight } from './span-weight.ts';
import { Verdicts } from './verdicts.ts';

/** Where what was held goes. None of them throws. */
export interface Outlets {
  /** A span of a trace that is kept. */
  span(span: ReadableSpan): void;
  /** A span of a trace that is not; absent where nobody wants to see those. */
  readonly leftOut?: (span: ReadableSpan) => void;
  /** A record below its logger's level, of a trace that is kept. */
  detail(record: LogRecord): void;
  /** A record that only waited for its verdict to be sent. */
  told(record: LogRecord): void;
}

/** Why a trace is kept. */
type Reason = 'error' | 'slow' | 'flag' | 'unfinished';
/** Which bound made a verdict fall before its time. */
type Bound = 'traces' | 'bytes' | 'age';

/** As much of a span as tells what to do with it. */
type StartedSpan = Pick<ReadableSpan, 'parentSpanContext' | 'spanContext'>;

interface HeldTrace {
  readonly id: string;
  readonly bornAt: number;
  /** The span it began with in this process. */
  readonly first: StartedSpan;
  /** Local roots that have not ended. */
  open: number;
  spans: ReadableSpan[];
  details: LogRecord[];
  told: LogRecord[];
  bytes: number;
}

/** Names of counters are made once: a fresh text is hashed at each look into the map. */
const keptBy: Readonly<Record<Reason, string>> = {
  error: 'tail.kept.error',
  slow: 'tail.kept.slow',
  flag: 'tail.kept.flag',
  unfinished: 'tail.kept.unfinished',
};
const sampled = 1;
const failed = 2;
/** One trace alone may not push out all others. */
const shareOfOne = 4;
const verdictsRemembered = 5_000;
/** Milliseconds until the first line that says how many verdicts fell early, and between two of them. */
const firstMillis = 1_000;
const quietMillis = 60_000;
const none: never[] = [];
const unobserved = suppressed(rootContext);

export class Holding {
  readonly #config: TailConfig;
  readonly #limits: SlowLimits;
  readonly #outlets: Outlets;
  /** Undecided, the oldest first. */
  readonly #traces = new Map<string, HeldTrace>();
  readonly #verdicts = new Verdicts(verdictsRemembered);
  #bytes = 0;
  /** Nothing is too old before that. */
  #dueAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #untold = 0;
  #quietUntil = 0;
  #teller: NodeJS.Timeout | undefined;

  constructor(config: TailConfig, outlets: Outlets) {
    this.#config = config;
    this.#limits = parseSlow(config.slow);
    this.#outlets = outlets;
  }

  get state(): HeldState {
    const [oldest] = this.#traces.values();
    const oldestMillis = oldest === undefined ? 0 : Math.round(performance.now() - oldest.bornAt);
    return { traces: this.#traces.size, bytes: this.#bytes, oldestMillis };
  }

  /** Whether it is decided that this trace is kept. */
  isKept(traceId: string): boolean {
    return this.#verdicts.of(traceId) === true;
  }

  started(span: StartedSpan): void {
    const { traceId, traceFlags } = span.spanContext();
    if ((traceFlags & sampled) !== 0) return;
    if (span.parentSpanContext === undefined) {
      // Its id was made for it: nobody knows it yet.
      this.#open(traceId, span);
      return;
    }
    const held = this.#traces.get(traceId);
    const isRoot = isLocalRoot(span);
    if (held !== undefined) {
      if (isRoot) held.open++;
      return;
    }
    const verdict = this.#verdicts.of(traceId);
    // Another request of a trace that was left out may still fail.
    if (verdict === undefined || (isRoot && !verdict)) this.#open(traceId, span);
  }

  ended(span: ReadableSpan): void {
    const { traceId, traceFlags } = span.spanContext();
    if ((traceFlags & sampled) !== 0) {
      this.#outlets.span(span);
      return;
    }
    const held = this.#traces.get(traceId);
    if (held === undefined) this.#late(span, traceId);
    else this.#endedIn(held, span);
  }

  /** Whether this record, which is below its logger's level, is to be written now. If not it is held or left out. */
  lets(record: LogRecord): boolean {
    return this.#passes(record, 'details');
  }

  /** The same for a record that its level lets pass, where all that is sent waits for the verdict. */
  sends(record: LogRecord): boolean {
    return isNeverHeld(record) || this.#passes(record, 'told');
  }

  /** An error was logged. */
  erred({ stamp }: LogRecord): void {
    const held = stamp.traceId === undefined ? undefined : this.#traces.get(stamp.traceId);
    if (held !== undefined) this.#keep(held, 'error');
  }

  /** Somebody wants the trace kept, perhaps before its first span. A verdict that has fallen stands. */
  flag(traceId: string): void {
    const held = this.#traces.get(traceId);
    if (held !== undefined) this.#keep(held, 'flag');
    else if (this.#verdicts.of(traceId) === undefined) this.#verdicts.note(traceId, true);
  }

  /** Decides everything that waits: what has not ended is kept, for it may be what the process ended with. */
  conclude(): void {
    for (const held of this.#traces.values()) this.#keep(held, 'unfinished');
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tell();
  }

  #open(traceId: string, first: StartedSpan): void {
    const bornAt = performance.now();
    this.#decideOld(bornAt);
    const { maxTraces, maxAgeMillis } = this.#config;
    if (this.#traces.size >= maxTraces) this.#decideOldest('traces', bornAt);
    this.#timer ??= later(maxAgeMillis, () => this.#look());
    const held = { id: traceId, bornAt, first, open: 1, spans: [], details: none, told: none, bytes: 0 };
    this.#traces.set(traceId, held);
  }

  #endedIn(held: HeldTrace, span: ReadableSpan): void {
    const isRoot = span === held.first || isLocalRoot(span);
    const reason = this.#reasonOf(span, isRoot);
    if (reason !== undefined) {
      this.#keep(held, reason);
      this.#deliver(span);
      return;
    }
    held.spans.push(span);
    if (isRoot && --held.open === 0) this.#drop(held);
    else this.#weigh(held, spanWeight(span));
  }

  /** What comes after the verdict follows it. Of what is forgotten each span speaks for itself. */
  #late(span: ReadableSpan, traceId: string): void {
    const isKept = this.#verdicts.of(traceId) ?? this.#reasonOf(span, true) !== undefined;
    if (isKept) this.#deliver(span);
    else this.#leaveOut(span);
  }

  #reasonOf(span: ReadableSpan, isRoot: boolean): Reason | undefined {
    if (span.status.code === failed) return 'error';
    if (span.attributes['sonde.keep'] === true) return 'flag';
    if (!isRoot) return undefined;
    const [seconds, nanos] = span.duration;
    return seconds * 1_000 + nanos / 1e6 >= this.#slowMillisOf(span) ? 'slow' : undefined;
  }

  #slowMillisOf({ attributes, name }: Pick<ReadableSpan, 'attributes' | 'name'>): number {
    const { named, general } = this.#limits;
    return named.length === 0 ? general : slowMillisOf(this.#limits, attributes['http.route'], name);
  }

  #passes(record: LogRecord, as: 'details' | 'told'): boolean {
    const { traceId = '', traceFlags } = record.stamp;
    if ((traceFlags & sampled) !== 0) return true;
    const held = this.#traces.get(traceId);
    if (held !== undefined) {
      if (held[as] === none) held[as] = [];
      held[as].push(heldRecord(record));
      this.#weigh(held, weightOf(record));
      return false;
    }
    const verdict = this.#verdicts.of(traceId);
    // A detail of nobody's trace was never meant to be written; what was meant to be sent is.
    const isLet = verdict ?? as === 'told';
    if (!isLet && traceId !== '') diagnostics.count('tail.sampled_out.logs');
    return isLet;
  }

  /** In the order in which it came, each kind by itself. */
  #keep(held: HeldTrace, reason: Reason): void {
    this.#close(held, true);
    diagnostics.count(keptBy[reason]);
    for (const span of held.spans) this.#deliver(span);
    for (const record of held.details) this.#outlets.detail(record);
    for (const record of held.told) this.#outlets.told(record);
  }

  #drop(held: HeldTrace): void {
    this.#close(held, false);
    const { spans, details, told } = held;
    diagnostics.count('tail.sampled_out.spans', spans.length);
    const records = details.length + told.length;
    if (records > 0) diagnostics.count('tail.sampled_out.logs', records);
    const { leftOut } = this.#outlets;
    if (leftOut !== undefined) for (const span of spans) leftOut(span);
  }

  #close(held: HeldTrace, isKept: boolean): void {
    this.#traces.delete(held.id);
    this.#bytes -= held.bytes;
    this.#verdicts.note(held.id, isKept);
  }

  /** From here on it is a span like those that were picked beforehand. */
  #deliver(span: ReadableSpan): void {
    (span.spanContext() as { traceFlags: number }).traceFlags |= sampled;
    this.#outlets.span(span);
  }

  #leaveOut(span: ReadableSpan): void {
    diagnostics.count('tail.sampled_out.spans');
    this.#outlets.leftOut?.(span);
  }

  #weigh(held: HeldTrace, weight: number): void {
    const { maxBytes } = this.#config;
    held.bytes += weight;
    this.#bytes += weight;
    if (held.bytes > maxBytes / shareOfOne) this.#decideEarly(held, 'bytes', performance.now());
    while (this.#bytes > maxBytes) this.#decideOldest('bytes', performance.now());
  }

  #decideOldest(bound: Bound, now: number): void {
    const [oldest] = this.#traces.values();
    if (oldest !== undefined) this.#decideEarly(oldest, bound, now);
  }

  #decideOld(now: number): void {
    if (now < this.#dueAt) return;
    for (const held of this.#traces.values()) {
      if (now - held.bornAt < this.#config.maxAgeMillis) break;
      this.#decideEarly(held, 'age', now);
    }
    const [oldest] = this.#traces.values();
    this.#dueAt = (oldest?.bornAt ?? now) + this.#config.maxAgeMillis;
  }

  /** By what is known: that nothing has failed so far, and how long it has taken already. */
  #decideEarly(held: HeldTrace, bound: Bound, now: number): void {
    diagnostics.count(`tail.decided_early.${bound}`);
    const first = held.first as Partial<ReadableSpan>;
    const slowMillis = this.#slowMillisOf({ attributes: first.attributes ?? {}, name: first.name ?? '' });
    if (now - held.bornAt >= slowMillis) this.#keep(held, 'slow');
    else this.#drop(held);
    if (bound === 'age') return;
    this.#untold++;
    this.#teller ??= later(Math.max(firstMillis, this.#quietUntil - now), () => this.#tell());
  }

  #tell(): void {
    clearTimeout(this.#teller);
    this.#teller = undefined;
    if (this.#untold === 0) return;
    const message = `Traces that tail sampling decided before their end, to stay within its memory: ${this.#untold}.`;
    this.#untold = 0;
    this.#quietUntil = performance.now() + quietMillis;
    diagnostics.warn('SONDE_ERR_TAIL', message);
  }

  /** One timer for all: it stands for the oldest, and looks again when that one would be due. */
  #look(): void {
    const now = performance.now();
    this.#timer = undefined;
    this.#decideOld(now);
    const [oldest] = this.#traces.values();
    if (oldest === undefined) return;
    this.#timer = later(oldest.bornAt + this.#config.maxAgeMillis - now, () => this.#look());
  }
}

function later(millis: number, work: () => void): NodeJS.Timeout {
  return runIn(unobserved, () => setTimeout(work, Math.max(1, millis)).unref());
}

/** Whether the span has no parent in this process. */
function isLocalRoot({ parentSpanContext }: StartedSpan): boolean {
  return parentSpanContext === undefined || parentSpanContext.isRemote === true;
}
