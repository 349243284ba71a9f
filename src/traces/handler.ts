/** Functions that a platform calls, AWS Lambda's first of all: each call is a unit of work, delivered when it ends. */
import { type Context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { AttributeValue } from '../config/config.ts';
import { rootContext, runIn } from '../context/context.ts';
import { withCorrelation } from '../context/correlation.ts';
import { isCorrelationId } from '../context/ids.ts';
import { propagation } from '../context/propagation.ts';
import { diagnostics } from '../diagnostics.ts';
import { freezer } from '../freezer.ts';
import { reportError } from '../logs/report.ts';
import { nameText } from '../processing/name-text.ts';
import { VERSION } from '../version.ts';
import { headersOf, isColdStart, type LambdaContext, spanAttributes } from './invocation.ts';
import { recordError } from './span-error.ts';

export interface WrapHandlerOptions {
  /** What its spans are called; by default the function's name on the platform, else its name in the code. */
  readonly name?: string;
}

type AnyFunction = (...args: any[]) => any;

/** By this property Lambda's runtime knows a handler that streams its answer. */
const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');
const wrapped = new WeakSet<object>();
const logger = 'sonde.faas';

/** The end of a call waits for its telemetry no longer than this. Milliseconds. */
const mostMillis = 2000;
/** So much of the platform's deadline is left alone. Milliseconds. */
const spareMillis = 100;

/**
 * `fn`, a handler of AWS Lambda (async, with a callback, or streaming) or of another platform that calls
 * `fn(event, context)`. Each call is a unit of work: a span by the FaaS conventions, the caller's correlation id or
 * else the request id of the platform, which is on every record as `aws_request_id`. Where the process is frozen
 * between calls (`flushEach`), the answer is given when what is queued has been delivered: within 2 s, and 100 ms
 * before the platform's deadline. A call that nears that deadline is told before: its open spans go out with
 * `sonde.unfinished`. Answers and errors are `fn`'s own. A handler that is wrapped already stays as it is.
 *
 * @example export const handler = wrapHandler(async (event) => ({ statusCode: 200 }));
 */
export function wrapHandler<F extends AnyFunction>(fn: F, options: WrapHandlerOptions = {}): F {
  if (typeof fn !== 'function' || wrapped.has(fn)) return fn;
  const isStreaming = Boolean((fn as { [streaming]?: unknown })[streaming]);
  const handler = function (this: unknown, ...args: unknown[]): unknown {
    const call = begin(args[0], isStreaming ? args[2] : args[1], options.name ?? fn.name);
    return call === undefined ? fn.apply(this, args) : run(call, fn.bind(this), args, isStreaming);
  };
  // What the runtime asks a handler: whether it streams, how many parameters it has.
  const { prototype, ...own } = Object.getOwnPropertyDescriptors(fn) as PropertyDescriptorMap;
  Object.defineProperties(handler, own);
  wrapped.add(handler);
  return handler as F;
}

interface Call {
  readonly name: string;
  readonly context: Context;
  readonly span: Span;
  readonly platform: LambdaContext;
  readonly isHttp: boolean;
  readonly stopWatching: () => void;
  over: boolean;
}

/** Has handed over no promise and not called back: Lambda answers for it, and calls again when it is over. */
let silent: Call | undefined;

/** A hostile event or context must not keep the handler from being called. */
function begin(event: unknown, platform: unknown, ownName: string): Call | undefined {
  try {
    return newCall(event, (platform ?? {}) as LambdaContext, ownName);
  } catch (error) {
    diagnostics.debug(`A call of a handler is not observed: ${String(error)}`);
    return undefined;
  }
}

function newCall(event: unknown, platform: LambdaContext, ownName: string): Call {
  if (silent !== undefined && platform.awsRequestId !== undefined) end(silent);
  silent = undefined;
  const incoming = propagation().extractRequest(headersOf(event));
  const requestId = isCorrelationId(platform.awsRequestId) ? platform.awsRequestId : undefined;
  const base = withCorrelation(incoming.context, {
    id: incoming.correlationId ?? requestId ?? propagation().newCorrelationId(),
    requestId: incoming.requestId ?? requestId,
    attributes: requestId === undefined ? {} : { aws_request_id: requestId },
  });
  const attributes = { ...spanAttributes(event, platform), 'faas.coldstart': isColdStart() };
  const name = nameText(platform.functionName ?? (ownName || 'handler'));
  const span = trace.getTracer('sonde', VERSION).startSpan(name, { kind: SpanKind.SERVER, attributes }, base);
  const isHttp = (attributes as Record<string, AttributeValue>)['faas.trigger'] === 'http';
  const context = trace.setSpan(base, span);
  return { name, context, span, platform, isHttp, stopWatching: watchDeadline(platform), over: false };
}

function remaining({ getRemainingTimeInMillis }: LambdaContext): number | undefined {
  const millis =
    typeof getRemainingTimeInMillis === 'function' ? Number(getRemainingTimeInMillis()) : undefined;
  return millis === undefined || Number.isNaN(millis) ? undefined : millis;
}

/** As long as the end of this call may wait. */
function budget(platform: LambdaContext): number {
  return Math.max(0, Math.min((remaining(platform) ?? Number.POSITIVE_INFINITY) - spareMillis, mostMillis));
}

/** Whoever is still running shortly before the deadline may be killed there, without another word. */
function watchDeadline(platform: LambdaContext): () => void {
  const left = remaining(platform);
  const frozen = freezer();
  if (left === undefined || frozen === undefined) return () => undefined;
  const early = Math.min(Math.max(left / 10, 2 * spareMillis), 1000);
  const tell = () => {
    frozen.queueUnfinished();
    void frozen.flush(budget(platform));
  };
  const timer = runIn(rootContext, () => setTimeout(tell, Math.max(0, left - early)).unref());
  return () => clearTimeout(timer);
}

function end(call: Call, outcome: { readonly error?: unknown; readonly result?: unknown } = {}): void {
  if (call.over) return;
  call.over = true;
  call.stopWatching();
  if ('error' in outcome) tellError(call, outcome.error);
  else if (call.isHttp) noteStatus(call.span, outcome.result);
  call.span.end();
}

function tellError({ name, span, context }: Call, error: unknown): void {
  recordError(span, error);
  reportError({ logger, message: `Handler failed: ${name}`, error, level: 'ERROR', context });
}

function noteStatus(span: Span, result: unknown): void {
  const code = (result as { statusCode?: unknown } | undefined)?.statusCode;
  if (typeof code !== 'number') return;
  span.setAttribute('http.response.status_code', code);
  if (code < 500) return;
  span.setAttribute('error.type', String(code));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Resolves when the platform may have its answer. */
async function settle(call: Call, outcome: Parameters<typeof end>[1]): Promise<void> {
  end(call, outcome);
  await freezer()?.flush(budget(call.platform));
}

function run(call: Call, fn: AnyFunction, args: unknown[], isStreaming: boolean): unknown {
  const isWaiting = !isStreaming && watchCallbacks(call, args);
  let result: unknown;
  try {
    result = runIn(call.context, () => fn(...args));
  } catch (error) {
    if (freezer() !== undefined) return settle(call, { error }).then(() => Promise.reject(error));
    end(call, { error });
    throw error;
  }
  if (isThenable(result)) return followed(call, result);
  if (isWaiting) {
    silent = call.over ? undefined : call;
    return result;
  }
  // A runtime that has handed over no callback awaits what it gets.
  if (!isStreaming && freezer() !== undefined) return settle(call, { result }).then(() => result);
  end(call, { result });
  return result;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

async function followed(call: Call, work: PromiseLike<unknown>): Promise<unknown> {
  let result: unknown;
  try {
    result = await work;
  } catch (error) {
    await settle(call, { error });
    throw error;
  }
  await settle(call, { result });
  return result;
}

type Callback = (error?: unknown, result?: unknown) => unknown;

/** Lambda's older ways to answer: the third parameter, and three methods of the context. Tells whether there is one. */
function watchCallbacks(call: Call, args: unknown[]): boolean {
  const later = (given: Callback): Callback => {
    return (error, result) => {
      const isFailed = error !== undefined && error !== null;
      void settle(call, isFailed ? { error } : { result }).then(() => given(error, result));
    };
  };
  const platform = call.platform as Record<string, unknown>;
  const { done, succeed, fail } = platform;
  if (typeof done === 'function')
    platform.done = later((error, result) => done.call(platform, error, result));
  if (typeof succeed === 'function') {
    const given = later((_, result) => succeed.call(platform, result));
    platform.succeed = (result: unknown) => given(undefined, result);
  }
  if (typeof fail === 'function') {
    const given = later((error) => fail.call(platform, error));
    platform.fail = (error: unknown) => given(error ?? new Error('fail() without an error'));
  }
  if (typeof args[2] !== 'function') return false;
  args[2] = later(args[2] as Callback);
  return true;
}
