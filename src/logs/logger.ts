/** The logger that people hold: named, levelled, and cheap when it has nothing to say. */
import { activeContext } from '../context/context.ts';
import { stampOf } from '../context/correlation.ts';
import { diagnostics } from '../diagnostics.ts';
import { nameText } from '../processing/name-text.ts';
import { shared } from '../slot.ts';
import { type Call, callStack, type Fields, isFields, understand } from './call.ts';
import { awaitInit } from './early.ts';
import { describeError } from './error-shape.ts';
import { type Level, type LevelName, levelOf, levelText, OFF, parseLevel, severity } from './levels.ts';
import { type ModuleLike, moduleName } from './module-name.ts';
import { emit } from './pipeline.ts';
import { now } from './time.ts';
import { type LoggerNode, nodeOf, setLevel as setLevelOf } from './tree.ts';

export type { Fields } from './call.ts';

/** Fields that are built only if the record is made. */
export type LazyFields = () => Fields;

/**
 * Logs one record. The message may hold `{names}` of fields, or printf's `%s %d %i %f %j %o %O` with values after it.
 * Never throws, whatever it is given.
 *
 * @example
 * log.info('order created', { orderId: 1042 });
 * log.info('task {task_id} is {status}', { task_id: 7, status: 'done' });
 * log.info('task %s took %d ms', 'import', 12);
 * log.error('charge failed', err, { orderId: 1042 });
 * log.error({ err, orderId: 1042 }, 'charge failed');
 * log.debug('cart', () => ({ items: cart.expensiveSummary() }));
 */
export interface LogMethod {
  (message: string, fields?: Fields | LazyFields): void;
  (message: string, error: unknown, fields?: Fields | LazyFields): void;
  (message: string, ...values: readonly unknown[]): void;
  (error: Error, message?: string, fields?: Fields | LazyFields): void;
  (error: Error, fields: Fields): void;
  (fields: Fields, message?: string, ...values: readonly unknown[]): void;
  (lazy: () => string | Fields | readonly [message: string, fields: Fields]): void;
  (anything: unknown, message?: string, fields?: Fields | LazyFields): void;
}

/** A logger of one name. Methods may be taken off it: `promise.catch(log.error)`. */
export interface Logger {
  /** Dotted name; the instrumentation scope in OTLP. */
  readonly name: string;
  /** The level in force for this name. Setting it holds for every logger of the name and those below it. */
  level: Level | 'off';
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  /** The same as `warn`. */
  readonly warning: LogMethod;
  /** The same as `fatal`. */
  readonly critical: LogMethod;
  /** As the method of that name. An unknown level logs as INFO and says so once. */
  log(level: Level, ...args: readonly unknown[]): void;
  /**
   * ERROR with the error's class, stack and causes. Without an error it is a WARN with the stack of the call.
   *
   * @example catch (err) { log.exception(err, 'charge failed', { orderId }); }
   */
  exception(error?: unknown, ...args: readonly unknown[]): void;
  /**
   * INFO with an OpenTelemetry event name; names are snake_case by custom.
   *
   * @example log.event('order_created', { orderId: 1042 });
   */
  event(name: string, fields?: Fields | LazyFields): void;
  /** A logger of the same name whose every record has these fields too. This one stays as it is. */
  with(fields: Fields): Logger;
  /** The same as `with`. */
  child(fields: Fields): Logger;
  /** The same as `with`. */
  bind(fields: Fields): Logger;
  /** Whether a record of this level would go anywhere. */
  isEnabled(level: Level): boolean;
}

/** What a method of a disabled level is: it takes no arguments, so none is collected. */
function off(): void {}

class SondeLogger implements Logger {
  readonly #node: LoggerNode;
  readonly #bound: Fields | undefined;
  // Made on first use and bound, so that a method taken off its logger still knows it.
  readonly #methods: (LogMethod | undefined)[] = [];

  constructor(node: LoggerNode, bound: Fields | undefined) {
    this.#node = node;
    this.#bound = bound;
  }

  get name(): string {
    return this.#node.name;
  }

  get level(): Level | 'off' {
    return levelText(this.#node.inForce);
  }

  set level(level: Level | 'off') {
    setLevel(this.#node.name, level);
  }

  get trace(): LogMethod {
    return this.#node.threshold > severity.TRACE ? off : this.#method('TRACE');
  }

  get debug(): LogMethod {
    return this.#node.threshold > severity.DEBUG ? off : this.#method('DEBUG');
  }

  get info(): LogMethod {
    return this.#node.threshold > severity.INFO ? off : this.#method('INFO');
  }

  get warn(): LogMethod {
    return this.#node.threshold > severity.WARN ? off : this.#method('WARN');
  }

  get error(): LogMethod {
    return this.#node.threshold > severity.ERROR ? off : this.#method('ERROR');
  }

  get fatal(): LogMethod {
    return this.#node.threshold > severity.FATAL ? off : this.#method('FATAL');
  }

  get warning(): LogMethod {
    return this.warn;
  }

  get critical(): LogMethod {
    return this.fatal;
  }

  log(level: Level, ...args: readonly unknown[]): void {
    const number = parseLevel(level) ?? unknownLevel(level);
    if (number < OFF && number >= this.#node.threshold) this.#write(levelOf(number), args);
  }

  exception(...args: readonly unknown[]): void {
    if (this.#node.threshold > severity.ERROR) return;
    const call = exceptionCall(args, this.#bound);
    if (call.error !== undefined) this.#send('ERROR', call);
    else if (this.#node.threshold <= severity.WARN) this.#send('WARN', withoutError(call));
  }

  event(name: string, fields?: Fields | LazyFields): void {
    if (this.#node.threshold > severity.INFO) return;
    const call = understood(['', fields], undefined);
    const text = nameText(name);
    this.#send('INFO', { ...call, message: text }, text);
  }

  with(fields: Fields): Logger {
    return new SondeLogger(this.#node, boundTo(this.#bound, fields));
  }

  child(fields: Fields): Logger {
    return this.with(fields);
  }

  bind(fields: Fields): Logger {
    return this.with(fields);
  }

  isEnabled(level: Level): boolean {
    const number = parseLevel(level);
    return number !== undefined && number < OFF && number >= this.#node.threshold;
  }

  #method(level: LevelName): LogMethod {
    const number = severity[level];
    const found = this.#methods[number];
    if (found !== undefined) return found;
    const sondeLogMethod = (...args: readonly unknown[]): void => {
      if (this.#node.threshold <= number) this.#write(level, args);
    };
    this.#methods[number] = sondeLogMethod;
    return sondeLogMethod;
  }

  #write(level: LevelName, args: readonly unknown[]): void {
    this.#send(level, understood(args, this.#bound));
  }

  #send(level: LevelName, call: Call, eventName?: string): void {
    try {
      const context = activeContext();
      emit({
        time: now(),
        level,
        severityNumber: severity[level],
        logger: this.#node.name,
        message: call.message,
        eventName,
        fields: call.fields,
        error: call.error,
        bound: this.#bound,
        stamp: stampOf(context),
        context,
      });
    } catch (error) {
      lost(error);
    }
  }
}

function understood(args: readonly unknown[], bound: Fields | undefined): Call {
  try {
    return understand(args, bound);
  } catch (error) {
    lost(error);
    return { message: typeof args[0] === 'string' ? args[0] : '', fields: undefined, error: undefined };
  }
}

/** The first argument is what was thrown, whatever it is; a lone text is a message that forgot its error. */
function exceptionCall(args: readonly unknown[], bound: Fields | undefined): Call {
  const [thrown, message] = args;
  const call = understood(args, bound);
  if (call.error !== undefined || thrown === undefined || thrown === null) return call;
  if (typeof thrown === 'string' && typeof message !== 'string') return call;
  const rest = understood(typeof message === 'string' ? args.slice(1) : ['', ...args.slice(1)], bound);
  const words = rest.message === '' ? describeError(thrown).message : rest.message;
  return { message: words, fields: rest.fields, error: thrown };
}

function withoutError(call: Call): Call {
  const reminder = 'exception() called without an error';
  return {
    message: /^(?:undefined|null)?$/.test(call.message) ? reminder : `${reminder}: ${call.message}`,
    fields: { ...call.fields, 'code.stacktrace': callStack() },
    error: undefined,
  };
}

/** A copy that nobody else holds, for the writers keep its text. */
function boundTo(before: Fields | undefined, fields: Fields): Fields | undefined {
  if (!isFields(fields)) return before;
  try {
    return Object.freeze({ ...before, ...fields });
  } catch (error) {
    lost(error);
    return before;
  }
}

function unknownLevel(level: unknown): number {
  const told = nameText(level, 40);
  diagnostics.warnOnce(`logs.level.${told}`, 'SONDE_ERR_LOGGER', `"${told}" is not a level; INFO was used.`);
  return severity.INFO;
}

function lost(error: unknown): void {
  diagnostics.count('logs.call_errors');
  const { type, message } = describeError(error);
  diagnostics.warnOnce('logs.call', 'SONDE_ERR_LOGGER', `A logging call failed with ${type}: ${message}.`);
}

const loggers = shared('loggers', () => new Map<string, Logger>());

/**
 * The logger of a dotted name, the same one every time. `import.meta` or `module` names it after package and file;
 * in bundled code give the name.
 *
 * @example const log = getLogger('shop.orders');
 */
export function getLogger(name: string | ModuleLike = ''): Logger {
  const text = nameOf(name);
  const found = loggers.get(text);
  if (found !== undefined) return found;
  awaitInit();
  const logger = new SondeLogger(nodeOf(text), undefined);
  loggers.set(text, logger);
  return logger;
}

/**
 * Sets the level of a logger name and all below it, from now on; the root is `''`. A level that is none changes
 * nothing and is told once.
 *
 * @example setLevel('shop.orders', 'debug');
 */
export function setLevel(name: string, level: Level | 'off' | undefined): void {
  if (setLevelOf(name, level)) return;
  const told = nameText(level, 40);
  diagnostics.warnOnce(
    `logs.level.${told}`,
    'SONDE_ERR_LOGGER',
    `"${told}" is not a level of "${nameText(name, 200)}".`,
  );
}

function nameOf(name: unknown): string {
  if (typeof name === 'string') return name.slice(0, 200);
  if (typeof name === 'object' && name !== null) return moduleName(name as ModuleLike);
  return '';
}
