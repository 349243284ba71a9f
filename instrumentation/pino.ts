/**
 * pino 6 to 10, in CommonJS, ES modules and bundles. Its records are seen where they are made into JSON, as objects:
 * through its tracing channel where it has one, else through the prototype that all of its loggers share, those made
 * before Sonde included. What its own `redact`, serializers and formatters hide stays hidden.
 */
import diagnosticsChannel from 'node:diagnostics_channel';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isError } from '../src/logs/error-shape.ts';
import { jsonText, quote } from '../src/logs/json-value.ts';
import { type Bridge, type Bridged, type Ids, missingIds } from './bridge.ts';
import { severitiesOf, severityOfTens } from './bridge-levels.ts';
import { override } from './override.ts';

/** A pino logger; its parts are under symbols of its copy. */
type Logger = Record<PropertyKey, any>;
type Call = readonly [fields: Record<string, unknown>, message: unknown, level: number, time: string];
type AsJson = (this: Logger, ...call: Call) => string;
type Stringifier = (value: unknown) => string | undefined;

/** The symbols of one loaded copy, by description without `pino.`. */
type Copy = Readonly<Record<string, symbol>>;

/** What `tracing:pino_asJson` publishes; the same object at start and end. */
interface Traced {
  readonly instance: Logger;
  readonly arguments: Call;
}

/** Through the channel from pino 9.10 on, through the prototype before. */
export function pino(bridge: Bridge): Instrumentation {
  const copies: Copy[] = [];
  const undo: (() => void)[] = [];
  let restores = new WeakMap<object, () => void>();
  /** A logger nobody writes with, to see whether its version tells the channel. */
  let probe: Logger | undefined;
  let hasChannel = false;

  function copyOf(logger: Logger): Copy | undefined {
    const found = copies.find(({ chindings }) => logger[chindings!] !== undefined);
    if (found !== undefined) return found;
    const copy = symbolsOf(logger);
    if (copy.chindings !== undefined) copies.push(copy);
    return copy.chindings === undefined ? undefined : copy;
  }

  /** Sends the record and puts the ids beside the logger's bindings; gives back what takes them out again. */
  function begin(logger: Logger, call: Call): (() => void) | undefined {
    let restore: (() => void) | undefined;
    bridge.guard(() => {
      const copy = copyOf(logger);
      if (copy === undefined) return;
      const [given, message, level] = call;
      const fields = logger[copy.formatters!]?.log?.(given) ?? given;
      bridge.send(levelOf(logger, level), () => understood(logger, copy, fields, message));
      const ids = bridge.ids();
      if (ids !== undefined) restore = inject(logger, copy.chindings!, ids, fields);
    });
    return restore;
  }

  const onStart = (message: unknown): void => {
    const traced = message as Traced;
    if (traced.instance === probe) {
      hasChannel = true;
      return;
    }
    const restore = begin(traced.instance, traced.arguments);
    if (restore !== undefined) restores.set(traced, restore);
  };
  const onEnd = (message: unknown): void => bridge.guard(() => restores.get(message as object)?.());

  return {
    name: 'pino',
    modules: ['pino'],
    enable() {
      diagnosticsChannel.subscribe('tracing:pino_asJson:start', onStart);
      diagnosticsChannel.subscribe('tracing:pino_asJson:end', onEnd);
    },
    patch(exports) {
      const logger: Logger = exports({ base: null }, { write() {} });
      const { asJson } = symbolsOf(logger);
      if (asJson === undefined) throw new Error(`pino ${exports.version} is not known`);
      hasChannel = false;
      probe = logger;
      logger[asJson]({}, undefined, 30, '');
      probe = undefined;
      if (!hasChannel) undo.push(override<AsJson>(ownerOf(logger, asJson), asJson, patched));
    },
    disable() {
      diagnosticsChannel.unsubscribe('tracing:pino_asJson:start', onStart);
      diagnosticsChannel.unsubscribe('tracing:pino_asJson:end', onEnd);
      for (const restore of undo.splice(0)) restore();
      restores = new WeakMap();
    },
  };

  function patched(original: AsJson): AsJson {
    return function (...call) {
      const restore = begin(this, call);
      try {
        return original.apply(this, call);
      } finally {
        restore?.();
      }
    };
  }
}

function symbolsOf(logger: Logger): Copy {
  const copy: Record<string, symbol> = {};
  for (let at = logger; at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
    for (const symbol of Object.getOwnPropertySymbols(at)) {
      const name = symbol.description?.replace(/^pino\./, '');
      if (name !== undefined) copy[name] ??= symbol;
    }
  }
  return copy;
}

function ownerOf(logger: Logger, key: symbol): object {
  let owner = logger;
  while (!Object.hasOwn(owner, key)) owner = Object.getPrototypeOf(owner);
  return owner;
}

const severities = new WeakMap<object, ReadonlyMap<string, number>>();

/** By the name of the level; a custom one stands where its number puts it. */
function levelOf({ levels }: Logger, level: number): number {
  const label = levels?.labels?.[level];
  if (label === undefined) return severityOfTens(level);
  let numbers = severities.get(levels);
  if (numbers === undefined) {
    numbers = severitiesOf(levels.values);
    severities.set(levels, numbers);
  }
  return numbers.get(label) ?? severityOfTens(level);
}

/** Text among the bindings, where every member of the line that is not the call's own stands. */
function inject(logger: Logger, chindings: symbol, ids: Ids, fields: object): (() => void) | undefined {
  const before: string = logger[chindings];
  const has = (name: string) => Object.hasOwn(fields, name) || before.includes(`"${name}":`);
  let text = before;
  for (const [name, value] of Object.entries(missingIds(ids, has) ?? {}))
    text += `,"${name}":${quote(value)}`;
  if (text === before) return undefined;
  const isOwn = Object.hasOwn(logger, chindings);
  logger[chindings] = text;
  return () => {
    if (isOwn) logger[chindings] = before;
    else delete logger[chindings];
  };
}

function understood(logger: Logger, copy: Copy, given: object, message: unknown): Bridged {
  const messageKey: string = logger[copy.messageKey!] ?? 'msg';
  const errorKey: string = logger[copy.errorKey!] ?? 'err';
  const { name, ...bindings } = bindingsOf(logger, copy.chindings!);
  const fields: Record<string, unknown> = { ...bindings };
  let error: unknown;
  for (const [key, value] of Object.entries(given)) {
    const isThrown = (key === errorKey || key === 'err' || key === 'error') && isError(value);
    if (error === undefined && isThrown && stringifierOf(logger, copy, key) === undefined) error = value;
    else {
      const shown = shownValue(logger, copy, key, value, errorKey);
      if (shown !== undefined) fields[key] = shown;
    }
  }
  const text = shownValue(logger, copy, messageKey, message, errorKey) ?? fields[messageKey];
  if (text === fields[messageKey]) delete fields[messageKey];
  return {
    message: typeof text === 'string' ? text : (jsonText(text) ?? ''),
    logger: typeof name === 'string' ? name : undefined,
    fields,
    error,
  };
}

/** What pino would write for it, as a value: serialized, then redacted. */
function shownValue(logger: Logger, copy: Copy, key: string, value: unknown, errorKey: string): unknown {
  if (value === undefined) return undefined;
  const serializers = logger[copy.serializers!] ?? {};
  const serialize = serializers[key] ?? (key === errorKey ? serializers.err : undefined);
  const serialized = serialize === undefined ? value : serialize(value);
  const stringify = stringifierOf(logger, copy, key);
  if (stringify === undefined || serialized === undefined || typeof serialized === 'function')
    return serialized;
  // Redacted values exist as text only.
  const text = stringify(serialized);
  return text === undefined ? undefined : JSON.parse(text);
}

function stringifierOf(logger: Logger, copy: Copy, key: string): Stringifier | undefined {
  const stringifiers: Record<PropertyKey, Stringifier | undefined> = logger[copy.stringifiers!] ?? {};
  if (Object.hasOwn(stringifiers, key)) return stringifiers[key];
  const wildcard = Object.getOwnPropertySymbols(stringifiers).find(isWildcard);
  return wildcard === undefined ? undefined : stringifiers[wildcard];
}

function isWildcard({ description }: symbol): boolean {
  return description === 'pino.wildcardFirst';
}

const parsed = new WeakMap<object, { text: string; bindings: Readonly<Record<string, unknown>> }>();

/** pino keeps bindings as text only; they are read once per child. */
function bindingsOf(logger: Logger, chindings: symbol): Readonly<Record<string, unknown>> {
  const text: string = logger[chindings];
  const known = parsed.get(logger);
  if (known?.text === text) return known.bindings;
  const { pid, hostname, ...bindings } = JSON.parse(`{${text.slice(1)}}`);
  parsed.set(logger, { text, bindings });
  return bindings;
}
