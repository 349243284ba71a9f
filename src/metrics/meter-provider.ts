/** Sonde's metrics behind OpenTelemetry's API: exemplars, a limit of series that holds, and handles for hot paths. */
import { createNoopMeter, type Meter, type MeterOptions, type MeterProvider } from '@opentelemetry/api';
import { diagnostics } from '../diagnostics.ts';
import { nameText } from '../processing/name-text.ts';
import { Collector, type Reader } from './collector.ts';
import { type ExemplarFilter, offeredBy } from './exemplars.ts';
import { SondeMeter } from './meter.ts';
import { producers } from './producers.ts';
import { type View, viewsOf } from './views.ts';

export interface MeterProviderParts {
  /** Handed to readers as it is. */
  readonly resource: unknown;
  /** `ViewOptions` of sdk-metrics or Sonde's. */
  readonly views?: readonly object[];
  readonly readers?: readonly Reader[];
  readonly exemplarFilter?: ExemplarFilter;
}

export class SondeMeterProvider implements MeterProvider {
  readonly #resource: unknown;
  readonly #views: readonly View[];
  readonly #filter: ExemplarFilter;
  readonly #meters = new Map<string, SondeMeter>();
  readonly #collectors: Collector[] = [];
  #isShut = false;

  constructor({ resource, views = [], readers = [], exemplarFilter = 'trace_based' }: MeterProviderParts) {
    this.#resource = resource;
    this.#views = viewsOf(views);
    this.#filter = exemplarFilter;
    for (const reader of readers) this.addReader(reader);
  }

  /** One more reader, at any time: it sees what is measured from now on. */
  addReader(reader: Reader): void {
    const collector = new Collector(reader, {
      views: this.#views,
      meters: () => this.#meters.values(),
      resource: this.#resource,
      hasExemplars: this.#filter !== 'always_off',
      producers: producers(),
    });
    try {
      reader.setMetricProducer(collector);
    } catch (error) {
      const message = `A metric reader is left out: ${(error as Error).message}`;
      diagnostics.warn('SONDE_ERR_METRIC', message);
      return;
    }
    this.#collectors.push(collector);
    for (const meter of this.#meters.values()) meter.admit(collector);
  }

  getMeter(name: string, version?: string, options?: MeterOptions): Meter {
    if (this.#isShut) return createNoopMeter();
    const scope = {
      name: typeof name === 'string' ? nameText(name) : '',
      version: typeof version === 'string' ? version : '',
      schemaUrl: options?.schemaUrl,
    };
    const key = JSON.stringify([scope.name, scope.version, scope.schemaUrl]);
    const known = this.#meters.get(key);
    if (known !== undefined) return known;
    const meter = new SondeMeter(scope, offeredBy(this.#filter), this.#collectors);
    this.#meters.set(key, meter);
    return meter;
  }

  async forceFlush(options?: { timeoutMillis?: number }): Promise<void> {
    if (this.#isShut) return;
    await Promise.all(this.#collectors.map(({ reader }) => reader.forceFlush(options)));
  }

  /** The last collection of readers that can have one in this very turn. */
  collectLast(): void {
    if (!this.#isShut) for (const { reader } of this.#collectors) reader.collectLast?.();
  }

  /** The readers have their last collection; nothing is measured any more. */
  async shutdown(options?: { timeoutMillis?: number }): Promise<void> {
    if (this.#isShut) return;
    this.#isShut = true;
    try {
      await Promise.all(this.#collectors.map(({ reader }) => reader.shutdown(options)));
    } finally {
      for (const meter of this.#meters.values()) meter.close();
    }
  }
}
