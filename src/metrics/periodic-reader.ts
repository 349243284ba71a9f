/** Collects at an interval and pushes to an exporter. Holds no process. */
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import { diagnostics } from '../diagnostics.ts';
import type { AggregationOption } from './aggregation.ts';
import type { Collection, CollectionResult, InstrumentKind } from './collected.ts';
import type { CollectionTimer } from './collection-timer.ts';
import type { CollectOptions, Reader } from './collector.ts';

/** `PushMetricExporter` of sdk-metrics. */
export interface PushExporter {
  export(collection: any, done: (result: { code: number; error?: Error }) => void): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
  selectAggregation?(kind: string): AggregationOption;
  selectAggregationTemporality?(kind: string): number;
}

export interface PeriodicOptions {
  readonly exporter: PushExporter;
  readonly intervalMillis: number;
  /** How long an asynchronous callback is waited for. */
  readonly timeoutMillis: number;
  readonly onCollected?: CollectionTimer;
}

interface Producer {
  collect(options?: CollectOptions): Promise<CollectionResult>;
  collectLast?(): Collection;
}

const unobserved = suppressed(rootContext);

export class PeriodicReader implements Reader {
  readonly #options: PeriodicOptions;
  #producer: Producer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: PeriodicOptions) {
    this.#options = options;
  }

  setMetricProducer(producer: Producer): void {
    this.#producer = producer;
    const tick = () => void this.#run();
    this.#timer = runIn(unobserved, () => setInterval(tick, this.#options.intervalMillis).unref());
  }

  selectAggregation(kind: InstrumentKind): AggregationOption {
    return this.#options.exporter.selectAggregation?.(kind) ?? { type: 0 };
  }

  selectAggregationTemporality(kind: InstrumentKind): number {
    return this.#options.exporter.selectAggregationTemporality?.(kind) ?? 1;
  }

  /** What was measured up to now is collected, and handed over. */
  async forceFlush(): Promise<void> {
    await this.#running;
    await this.#run();
    await this.#options.exporter.forceFlush();
  }

  async shutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.forceFlush();
    await this.#options.exporter.shutdown();
  }

  collectLast(): void {
    const collection = this.#producer?.collectLast?.();
    if (collection?.scopeMetrics.length) this.#options.exporter.export(collection, () => undefined);
  }

  /** An exporter that is still busy with the last collection is not given another. */
  #run(): Promise<void> {
    this.#running ??= this.#collectAndExport().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #collectAndExport(): Promise<void> {
    try {
      const { timeoutMillis, onCollected } = this.#options;
      const began = performance.now();
      const result = await this.#producer?.collect({ timeoutMillis });
      if (result === undefined) return;
      onCollected?.(began, result.errors[0]);
      for (const error of result.errors) tellOf(error);
      if (result.resourceMetrics.scopeMetrics.length > 0) await this.#export(result.resourceMetrics);
    } catch (error) {
      diagnostics.warnOnce(
        'metric export',
        'SONDE_ERR_EXPORT',
        `Metrics were not exported: ${String(error)}.`,
      );
    }
  }

  #export(collection: Collection): Promise<void> {
    const { exporter, timeoutMillis } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the exporter did not answer within ${timeoutMillis} ms`));
      }, timeoutMillis).unref();
      exporter.export(collection, ({ code, error }) => {
        clearTimeout(timer);
        if (code === 0) resolve();
        else reject(error ?? new Error('the exporter refused'));
      });
    });
  }
}

/** An error of the app's callback: its other metrics are collected all the same. */
function tellOf(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  diagnostics.warnOnce(
    `metric callback ${message}`,
    'SONDE_ERR_METRIC',
    `A metric callback failed: ${message}`,
  );
}
