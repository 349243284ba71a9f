/** Who causes the telemetry that is sent: loggers, call sites, routes, metrics (A73). */
import path from 'node:path';
import { SpanKind } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { activeContext, rootContext, runIn } from '../context/context.ts';
import { requestOf } from '../context/request-context.ts';
import { type CallSite, callSiteLater } from '../logs/call-site.ts';
import type { LogRecord } from '../logs/record.ts';
import type { Collection } from '../metrics/collected.ts';
import { redactText } from '../processing/redact.ts';
import { shared } from '../slot.ts';
import { Ledger, type Share, slotMillis, type Volume } from './ledger.ts';

/** Milliseconds between two looks at the stack, about: one takes longer than to log, and may not be what is usual. */
const siteMillis = 1000;
const mostUnseen = 256;
/** What waits holds the app's functions. */
const mostLooks = 16;
const nowhere = '-';
const noRoute = '(no route)';
const unseen = '(between samples)';

class Scales {
  readonly #loggers = new Ledger();
  readonly #sites = new Ledger();
  readonly #routes = new Ledger();
  readonly #metrics = new Ledger();
  /** Records until the next look at the stack, and what came since the last one. */
  #left = 1;
  #records = 0;
  #bytes = 0;
  #lookedAt = 0;
  /** Looks whose line is not known yet. */
  readonly #looks: { readonly site: () => CallSite; readonly records: number; readonly bytes: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** To be called while the logging call is still running. */
  log(record: LogRecord, bytes: number): void {
    this.#loggers.add(record.logger, 1, bytes);
    this.#routes.add(routeIn(record.context), 1, bytes);
    this.#timer ??= this.#turning();
    this.#records++;
    this.#bytes += bytes;
    if (--this.#left <= 0) this.#look();
  }

  span({ kind, attributes }: Pick<ReadableSpan, 'kind' | 'attributes'>, bytes: number): void {
    this.#timer ??= this.#turning();
    const route = attributes['http.route'];
    const inside = () => (kind === SpanKind.SERVER ? noRoute : routeIn(activeContext()));
    this.#routes.add(typeof route === 'string' ? route : inside(), 1, bytes);
  }

  collection({ scopeMetrics }: Collection<unknown>, bytes: number): void {
    this.#timer ??= this.#turning();
    const metrics = scopeMetrics.flatMap((scope) => scope.metrics);
    const sizes = metrics.map(({ dataPoints }) => dataPoints.reduce((sum, point) => sum + sizeOf(point), 0));
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    for (const [at, { descriptor, dataPoints }] of metrics.entries())
      this.#metrics.add(descriptor.name, dataPoints.length, (bytes * (sizes[at] as number)) / whole);
  }

  volume(): Volume {
    this.settleLooks();
    this.#weigh(unseen, this.#records, this.#bytes);
    this.#records = 0;
    this.#bytes = 0;
    return {
      loggers: presentable(this.#loggers),
      callSites: presentable(this.#sites),
      routes: presentable(this.#routes),
      metrics: presentable(this.#metrics),
    };
  }

  #turning(): NodeJS.Timeout {
    const ledgers = [this.#loggers, this.#sites, this.#routes, this.#metrics];
    const turn = () => ledgers.forEach((ledger) => void ledger.turn());
    return runIn(rootContext, () => setInterval(turn, slotMillis).unref());
  }

  /** By chance rather than every n-th: calls that take turns would never be seen. */
  #look(): void {
    const now = performance.now();
    const perLook = (this.#records / (now - this.#lookedAt)) * siteMillis;
    this.#left = Math.ceil(Math.random() * 2 * Math.min(Math.max(perLook, 0.5), mostUnseen));
    this.#lookedAt = now;
    const count = this.#looks.push({ site: callSiteLater(), records: this.#records, bytes: this.#bytes });
    this.#records = 0;
    this.#bytes = 0;
    if (count >= mostLooks) this.settleLooks();
  }

  /** Finds out the lines. Not to be called within a logging call: it takes ten times as long. */
  settleLooks(): void {
    for (const { site, records, bytes } of this.#looks.splice(0)) {
      const { pathname, line } = site();
      const name = pathname === '' ? nowhere : `${path.relative(process.cwd(), pathname)}:${line}`;
      this.#weigh(name, records, bytes);
    }
  }

  #weigh(site: string, records: number, bytes: number): void {
    if (records > 0) this.#sites.add(site, records, bytes);
  }
}

/** One for all that a process sends. */
export const scales: Scales = shared('volume', () => new Scales());

function routeIn(context: LogRecord['context']): string {
  const request = requestOf(context);
  return request === undefined ? nowhere : (request.route ?? noRoute);
}

/** Nearly what a point takes: its attributes, its times and its numbers. */
function sizeOf({ attributes, value }: { attributes: object; value: unknown }): number {
  const counts = (value as { buckets?: { counts?: readonly number[] } }).buckets?.counts?.length ?? 0;
  let size = 40 + counts * 16;
  for (const [name, each] of Object.entries(attributes)) size += name.length + String(each).length + 8;
  return size;
}

function presentable(ledger: Ledger): Share[] {
  return ledger
    .shares()
    .map(({ name, records, bytes }) => ({ name: redactText(name), records, bytes: Math.round(bytes) }));
}
