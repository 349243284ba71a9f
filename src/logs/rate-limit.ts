/** Caps what a logger may say (A73): what is beyond its rate is left out, counted, and summed up in one line. */
import { rootContext, runIn } from '../context/context.ts';
import { stampOf } from '../context/correlation.ts';
import { suppressed } from '../context/suppression.ts';
import { diagnostics } from '../diagnostics.ts';
import { TokenBucket } from '../token-bucket.ts';
import { severity } from './levels.ts';
import { forward, type Processor } from './pipeline.ts';
import { parseRates, type Rate } from './rates.ts';
import type { LogRecord } from './record.ts';
import { now } from './time.ts';

const millisOf: Readonly<Record<Rate['unit'], number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
/** Milliseconds between two lines that say how much was left out. */
const summaryMillis = 60_000;
const unobserved = suppressed(rootContext);

/** What a logger may say, and how much of it was left out. */
class Bucket {
  readonly name: string;
  readonly rate: Rate;
  readonly #tokens: TokenBucket;
  #leftOut = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: string, rate: Rate) {
    this.name = name;
    this.rate = rate;
    this.#tokens = new TokenBucket(rate.count, millisOf[rate.unit]);
  }

  take(): boolean {
    if (this.#tokens.take()) return true;
    this.#leftOut++;
    diagnostics.count('logs.dropped.rate');
    this.#timer ??= runIn(unobserved, () => setTimeout(() => this.tell(), summaryMillis).unref());
    return false;
  }

  /** The one line, if anything was left out since the last one. */
  tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#leftOut === 0) return;
    const { count, unit } = this.rate;
    const message = `${this.#leftOut} log records were left out: SONDE_LOG_RATE lets ${this.name || 'root'} say ${count}/${unit}.`;
    const fields = { 'logs.left_out': this.#leftOut };
    this.#leftOut = 0;
    const summary: LogRecord = {
      ...{ time: now(), level: 'WARN', severityNumber: severity.WARN, logger: this.name, message, fields },
      ...{ stamp: stampOf(rootContext), context: rootContext },
    };
    summaries.add(summary);
    forward(summary);
  }
}

const summaries = new WeakSet<LogRecord>();

export interface RateLimit {
  readonly process: Processor;
  /** Says what was left out and is not said yet; at a flush and at the end. */
  tell(): void;
}

/**
 * A logger without a rate of its own shares that of the nearest name above it. FATAL always passes.
 *
 * @param text as `SONDE_LOG_RATE` has it
 */
export function rateLimit(text: string): RateLimit {
  const buckets = new Map([...parseRates(text).rates].map(([name, rate]) => [name, new Bucket(name, rate)]));
  const known = new Map<string, Bucket | undefined>();

  function bucketOf(logger: string): Bucket | undefined {
    if (known.has(logger)) return known.get(logger);
    let name = logger;
    while (name !== '' && !buckets.has(name)) name = name.slice(0, Math.max(name.lastIndexOf('.'), 0));
    const bucket = buckets.get(name);
    if (known.size < mostLoggers) known.set(logger, bucket);
    return bucket;
  }

  return {
    process(record) {
      if (record.severityNumber >= severity.FATAL || summaries.has(record)) return record;
      return bucketOf(record.logger)?.take() === false ? undefined : record;
    },
    tell() {
      for (const bucket of buckets.values()) bucket.tell();
    },
  };
}

/** Loggers are few; one whose name was made from data is looked up each time. */
const mostLoggers = 2_000;
