/** A bounded queue before an exporter that is not OTLP's: log records on their way to an HTTP service. Its books balance. */
import type { BatchConfig } from '../config/config.ts';
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import { diagnostics } from '../diagnostics.ts';
import type { Exporter } from '../exporter.ts';
import type { Losses } from './losses.ts';
import type { Attempt, RetryingExporter } from './retry.ts';
import { settled } from './wait.ts';

/**
 * What is counted, per name: `emitted` = `delivered` + every `dropped.*` + what waits.
 */
export interface BatchOptions {
  /** In the counters: `http_logs`. */
  readonly name: string;
  readonly losses?: Losses;
}

/** Any exporter; one that retries can also be hurried. */
type Outlet<Item> = Exporter<Item> & Partial<Pick<RetryingExporter<Item>, 'hurry' | 'nudge'>>;

const unobserved = suppressed(rootContext);

/** Items wait here for company: until a batch is full, or for `scheduleDelayMillis`. */
export class BatchQueue<Item> {
  readonly #exporter: Outlet<Item>;
  readonly #config: BatchConfig;
  readonly #options: BatchOptions;
  /** Names of counters are made once: a fresh text is hashed at each look into the map. */
  readonly #emitted: string;
  readonly #waiters = new Set<{ readonly upTo: number; done(): void }>();
  #items: Item[] = [];
  #added = 0;
  #settled = 0;
  /** Everything up to this number goes out, whether it fills a batch or not. */
  #due = 0;
  #timer: NodeJS.Timeout | undefined;
  #eager = false;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(exporter: Outlet<Item>, config: BatchConfig, options: BatchOptions) {
    this.#exporter = exporter;
    this.#config = config;
    this.#options = options;
    this.#emitted = `emitted.${options.name}`;
  }

  /** Items that wait or are under way. */
  get size(): number {
    return this.#added - this.#settled;
  }

  /** Takes an item, without work. A full queue refuses the newest, counted and told. */
  add(item: Item): void {
    diagnostics.count(this.#emitted);
    if (this.#closed) this.#lose(1, 'shutdown', 'born after shutdown');
    else if (this.#items.length < this.#config.maxQueueSize) this.#keep(item);
    else this.#lose(1, 'queue_full', 'queue full');
  }

  /**
   * Resolves when everything added before has met its fate, at most after `timeoutMillis`. A retry that waits for its
   * moment is made now.
   */
  forceFlush(timeoutMillis: number = this.#config.exportTimeoutMillis): Promise<void> {
    const all = this.#settle(this.#added);
    this.#exporter.nudge?.();
    return settled(all, timeoutMillis);
  }

  /**
   * Sends what is left, one attempt a batch, within `deadlineMillis` in all; what is not out by then is counted as
   * lost. Gives back the exporter's sockets.
   */
  async shutdown(deadlineMillis = 2000): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#exporter.hurry?.();
    await settled(this.#settle(this.#added), deadlineMillis);
    this.abandon();
    await this.#exporter.shutdown().catch(() => undefined);
    await settled(this.#running ?? Promise.resolve(), 100);
  }

  /** Counts what still waits as lost: the process ends. */
  abandon(): void {
    this.#account(this.#items.splice(0).length, { outcome: 'failed', code: 'shutdown' });
  }

  #keep(item: Item): void {
    this.#items.push(item);
    this.#added++;
    if (this.#running !== undefined || this.#eager) return;
    if (this.#items.length >= this.#config.maxExportBatchSize) this.#runEagerly();
    else this.#timer ??= this.#later(this.#config.scheduleDelayMillis, () => this.#run(this.#added));
  }

  /** Soon, but never in the middle of the caller's work: encoding a batch takes milliseconds. */
  #runEagerly(): void {
    this.#eager = true;
    clearTimeout(this.#timer);
    this.#timer = this.#later(0, () => this.#run(this.#due));
  }

  #later(millis: number, work: () => void): NodeJS.Timeout {
    return runIn(unobserved, () => setTimeout(work, millis).unref());
  }

  #settle(upTo: number): Promise<void> {
    if (this.#settled >= upTo) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add({ upTo, done: resolve });
    this.#run(upTo);
    return promise;
  }

  #run(due: number): void {
    this.#due = Math.max(this.#due, due);
    if (this.#running !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#eager = false;
    this.#running = runIn(unobserved, () => this.#exportAll()).finally(() => {
      this.#running = undefined;
      if (this.#items.length === 0) return;
      this.#timer = this.#later(this.#config.scheduleDelayMillis, () => this.#run(this.#added));
    });
  }

  async #exportAll(): Promise<void> {
    const { maxExportBatchSize: most } = this.#config;
    while (this.#items.length >= most || (this.#items.length > 0 && this.#settled < this.#due)) {
      const batch = this.#items.splice(0, most);
      const result = await this.#exporter.export(batch).catch(broken);
      this.#account(batch.length, result);
    }
  }

  #account(count: number, result: Attempt): void {
    const { name } = this.#options;
    if (result.outcome === 'ok') {
      const refused = Math.min(Math.max(result.rejectedItems ?? 0, 0), count);
      diagnostics.count(`delivered.${name}`, count - refused);
      this.#lose(refused, 'partial', result.reason ?? 'refused', result.told);
    } else {
      this.#lose(count, String(result.code ?? result.outcome), causeOf(result), result.told);
    }
    this.#settleBy(count);
  }

  #settleBy(count: number): void {
    this.#settled += count;
    for (const waiter of this.#waiters) {
      if (waiter.upTo > this.#settled) continue;
      this.#waiters.delete(waiter);
      waiter.done();
    }
  }

  #lose(count: number, why: string, cause: string, told?: boolean): void {
    if (count === 0) return;
    const { name, losses } = this.#options;
    diagnostics.count(`dropped.${name}.${why}`, count);
    losses?.add(name, count, cause, told);
  }
}

function causeOf({ reason, code, outcome }: Attempt): string {
  return code === 'shutdown' ? 'not sent before the end' : (reason ?? String(code ?? outcome));
}

function broken(error: unknown): Attempt {
  return { outcome: 'failed', code: 'defect', reason: String(error) };
}

/** Makes the queue of one signal. */
export function batchQueue<Item>(
  exporter: Outlet<Item>,
  config: BatchConfig,
  options: BatchOptions,
): BatchQueue<Item> {
  return new BatchQueue(exporter, config, options);
}
