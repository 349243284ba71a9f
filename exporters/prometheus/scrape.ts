/** Answers scrapes: the reader of the provider, and one page for all who ask at the same time. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { diagnostics } from '../../src/diagnostics.ts';
import {
  type CollectedScope,
  type Collection,
  type CollectionResult,
  type HistogramValue,
  temporality,
} from '../../src/metrics/collected.ts';
import type { CollectOptions, Reader } from '../../src/metrics/collector.ts';
import { contentTypes, formatFor, type PageFormat, writePage } from './page.ts';

/** What a reader is given by the provider. */
export interface Source {
  collect(options?: CollectOptions): Promise<CollectionResult>;
  collectNow?(): CollectedScope[];
}

/** Other processes' metrics, added to this one's. */
export type Gather = (own: Collection) => Promise<Collection>;

const callbackTimeoutMillis = 2_000;

interface Answer {
  readonly type: string;
  readonly body: Buffer;
}

interface Cached {
  readonly answer: Promise<Answer>;
  /** Until then the same answer serves everybody. */
  goodUntil: number;
}

export class Scrape implements Reader {
  #source: Source | undefined;
  readonly #gather: Gather;
  readonly #answers = new Map<string, Cached>();

  constructor(gather: Gather = async (own) => own) {
    this.#gather = gather;
  }

  setMetricProducer(source: Source): void {
    this.#source = source;
  }

  selectAggregationTemporality(): number {
    return temporality.cumulative;
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {
    this.#source = undefined;
  }

  /** Everything as it is now. Secrets are taken out where it is written. */
  async collect(): Promise<Collection> {
    const result = await this.#source?.collect({ timeoutMillis: callbackTimeoutMillis });
    return result?.resourceMetrics ?? { resource: {}, scopeMetrics: [] };
  }

  /** The same for a process that ends, without what would have to be asked for. */
  collectNow(): readonly CollectedScope[] {
    return this.#source?.collectNow?.() ?? [];
  }

  /** Answers one request for the page: `?format=json` is the short form of it. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 }).end();
      return;
    }
    const isJson = /[?&]format=json(?:&|$)/.test(url);
    const answer = await this.#answer(isJson ? 'json' : formatFor(headers.accept)).catch(failed);
    response.writeHead(answer.status ?? 200, {
      'content-type': answer.type,
      'content-length': answer.body.length,
      vary: 'Accept',
    });
    response.end(method === 'HEAD' ? undefined : answer.body);
  }

  /** However many ask: a page is written again only after as much time as it took to write. */
  #answer(format: PageFormat | 'json'): Promise<Answer & { status?: number }> {
    const cached = this.#answers.get(format);
    if (cached !== undefined && performance.now() < cached.goodUntil) return cached.answer;
    const began = performance.now();
    const made: Cached = { answer: this.#write(format), goodUntil: Number.POSITIVE_INFINITY };
    this.#answers.set(format, made);
    const settle = () => {
      const now = performance.now();
      made.goodUntil = now + (now - began);
      setTimeout(() => this.#forget(format, made), 2 * (now - began)).unref();
    };
    made.answer.then(settle, settle);
    return made.answer;
  }

  #forget(format: string, cached: Cached): void {
    if (this.#answers.get(format) === cached) this.#answers.delete(format);
  }

  async #write(format: PageFormat | 'json'): Promise<Answer> {
    const collection = await this.#gather(await this.collect());
    if (format === 'json') return { type: 'application/json', body: Buffer.from(summary(collection)) };
    return { type: contentTypes[format], body: await writePage(collection as never, format) };
  }
}

function failed(error: unknown): Answer & { status: number } {
  diagnostics.warnOnce('scrape', 'SONDE_ERR_INTERNAL', `A scrape failed: ${String(error)}.`);
  return { status: 500, type: 'text/plain', body: Buffer.from('The metrics could not be collected.\n') };
}

/** How long the process is up and what it has served since then: `start_time` tells when both began again (A59). */
function summary({ scopeMetrics }: Collection): string {
  const uptime = process.uptime();
  const requests = scopeMetrics
    .flatMap(({ metrics }) => metrics)
    .filter(({ descriptor }) => descriptor.name === 'http.server.request.duration')
    .flatMap(({ dataPoints }) => dataPoints)
    .reduce((sum, { value }) => sum + (value as HistogramValue).count, 0);
  return JSON.stringify({
    uptime_seconds: Math.round(uptime * 1000) / 1000,
    requests_total: requests,
    start_time: new Date(Date.now() - uptime * 1000).toISOString(),
  });
}
