/** One check: asked by many, run once at a time, and down whatever way its function goes wrong. */
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import { describeError, headOf, isError } from '../logs/error-shape.ts';
import { getLogger } from '../logs/logger.ts';
import type { CheckFunction, CheckOptions } from './health.ts';

export type Finding =
  | { readonly isOk: true }
  | {
      readonly isOk: false;
      /** Without secrets. */
      readonly reason: string;
      /** Class of the error; absent where nothing was thrown. */
      readonly type?: string;
    };

const up: Finding = { isOk: true };

/** Work for nobody: a probe every second would else be a trace every second. */
const unobserved = suppressed(rootContext);
const log = getLogger('sonde.health');

const longestTimeout = 60_000;
const usual = { timeout: 1_000, cacheMs: 1_000 };
/** A function that has not settled by now never will: it is asked anew. */
const patienceMillis = 30_000;

function millisOf(given: unknown, least: number, otherwise: number): number {
  if (typeof given !== 'number' || !(given >= least)) return otherwise;
  return Math.min(given, longestTimeout);
}

/** Options that cannot be read are none. */
function readOptions(given: CheckOptions): CheckOptions {
  try {
    const { timeout, cacheMs, critical } = given;
    return { timeout, cacheMs, critical };
  } catch {
    return {};
  }
}

export class Check {
  readonly name: string;
  readonly isCritical: boolean;
  readonly #fn: CheckFunction;
  readonly #timeout: number;
  readonly #cacheMillis: number;
  #running: Promise<Finding> | undefined;
  #last: { readonly finding: Finding; readonly at: number } | undefined;
  /** When the run began that its deadline has left behind. */
  #hangsSince: number | undefined;
  #wasOk = true;

  constructor(name: string, fn: CheckFunction, options: CheckOptions) {
    this.name = name;
    this.#fn = fn;
    const { timeout, cacheMs, critical } = readOptions(options);
    this.#timeout = millisOf(timeout, 1, usual.timeout);
    this.#cacheMillis = millisOf(cacheMs, 0, usual.cacheMs);
    this.isCritical = critical !== false;
  }

  /** Never rejects; settles with the timeout at the latest. */
  ask(): Promise<Finding> {
    if (this.#running !== undefined) return this.#running;
    const now = performance.now();
    if (this.#last !== undefined && now - this.#last.at < this.#cacheMillis) {
      return Promise.resolve(this.#last.finding);
    }
    if (this.#hangsSince !== undefined && now - this.#hangsSince < patienceMillis) {
      return Promise.resolve({ isOk: false, reason: 'it has not settled since it was asked last' });
    }
    this.#running = this.#run(now).then((finding) => this.#keep(finding));
    return this.#running;
  }

  #keep(finding: Finding): Finding {
    this.#running = undefined;
    this.#last = { finding, at: performance.now() };
    this.#tellChange(finding);
    return finding;
  }

  async #run(begin: number): Promise<Finding> {
    const abort = new AbortController();
    const work = runIn(unobserved, () => attempt(this.#fn, abort.signal));
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, this.#timeout, undefined).unref();
    });
    const finding = await Promise.race([work, deadline]);
    clearTimeout(timer);
    if (finding !== undefined) return finding;
    this.#leaveBehind(begin, work);
    abort.abort();
    return { isOk: false, reason: `no answer in ${this.#timeout} ms`, type: 'TimeoutError' };
  }

  #leaveBehind(begin: number, work: Promise<Finding>): void {
    this.#hangsSince = begin;
    void work.then(() => {
      if (this.#hangsSince === begin) this.#hangsSince = undefined;
    });
  }

  #tellChange(finding: Finding): void {
    if (finding.isOk === this.#wasOk) return;
    this.#wasOk = finding.isOk;
    const check = this.name;
    runIn(rootContext, () => {
      if (finding.isOk) log.info('health check {check} is up again', { check });
      else log.warn('health check {check} is down: {reason}', { check, reason: finding.reason });
    });
  }
}

/** Waits for whatever the function gives; a `then` that throws is caught here, too. */
async function attempt(fn: CheckFunction, signal: AbortSignal): Promise<Finding> {
  try {
    return judged(await fn({ signal }));
  } catch (thrown) {
    const shape = describeError(thrown);
    return { isOk: false, reason: headOf(shape), type: shape.type };
  }
}

/** Results of queries, `PONG` and nothing at all are fine; what stands for "no" in JavaScript is not. */
function judged(value: unknown): Finding {
  if (value === undefined || value === true) return up;
  if (isError(value)) return { isOk: false, reason: headOf(describeError(value)), type: value.name };
  const isNonsense = !value || typeof value === 'function' || typeof value === 'symbol';
  return isNonsense ? { isOk: false, reason: `it gave ${kindOf(value)}` } : up;
}

function kindOf(value: unknown): string {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return value === '' ? 'an empty text' : String(value);
}
