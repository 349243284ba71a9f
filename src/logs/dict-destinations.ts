/** The handlers of a logging model: which destination each is, in either spelling (A10, A36 to A40). */

import { type LogFormat, logFormats } from '../config/config.ts';
import { advice } from '../config/nearest.ts';
import { adminEmailOptions, alertOptions, ownOptions, smtpHandlerOptions } from './dict-alerts.ts';
import { type DestinationKind, handlerNames, insteadOf, kindOfHandler, shortName } from './dict-classes.ts';
import { levelNumber } from './dict-levels.ts';
import {
  checkKeys,
  factoryName,
  made,
  makerKey,
  type Part,
  partOf,
  type Registry,
  wrong,
} from './dict-parts.ts';
import { type Format, isFormatName } from './format.ts';
import type { Destination } from './handler.ts';
import { type Level, levelText, OFF, severity } from './levels.ts';
import type { StreamName } from './line-stream.ts';
import type { LogRecord } from './record.ts';
import { nullDestination } from './route.ts';
import { templateFormat } from './template-format.ts';

/** What `init.ts` lends: `src` must not know the exporters. Without a format it is the one of the configuration. */
export interface DestinationMakers {
  console(stream: StreamName, format?: Format | LogFormat): Destination;
  /** The options of `fileDestination`. */
  file(options: Part & { readonly path: string }, format?: Format | LogFormat): Destination;
  /** The options of `memoryDestination`. */
  memory(options: MemoryOptions): Destination;
  /** The options of `flightRecorder`. */
  recorder(options: Part & { readonly target: Destination }): Destination;
  /** The options of `httpLogDestination`. */
  http(options: HttpOptions, format?: Format): Destination;
  /** The options of `alertDestination`; what they leave open is asked of `alerts` in the configuration. */
  alerts(options: Part): Destination;
}

export interface MemoryOptions {
  readonly capacity: number;
  readonly flushLevel: Level;
  /** As long as it takes: Python's way. */
  readonly flushIntervalMs: number;
  readonly target: Destination;
}

export type HttpOptions = Part & { readonly host: string; readonly url: string };

/** What a destination is made with. */
export interface Surroundings {
  readonly registry: Registry;
  readonly makers: DestinationMakers;
  readonly formats: ReadonlyMap<string, Format | LogFormat>;
  /** Takes the names of built-in formats that are written: they have words of their own for levels. */
  readonly used: LogFormat[];
  /** The handlers there are, for advice. */
  readonly names: readonly string[];
  /** The destination of another handler; `undefined` for a name that is none. */
  target(name: string, path: string): Destination | undefined;
}

type Make = (part: Part, path: string, around: Surroundings) => Destination;

const every = ['type', 'level', 'filters', 'filter'];
const printing = [...every, 'formatter'];

/** Kinds by their own name (`type`, or the handler's name), and the options that each takes. */
const kinds: Readonly<Record<string, { readonly make: Make; readonly options: readonly string[] }>> = {
  console: { make: consoleOf, options: [...printing, 'stream'] },
  file: {
    make: fileOf,
    options: [
      ...[...printing, 'path', 'maxBytes', 'backupCount', 'when', 'interval', 'utc', 'gzip'],
      ...['buffered', 'delay', 'encoding'],
    ],
  },
  memory: {
    make: memoryOf,
    options: [
      ...[...every, 'target', 'perTrace', 'capacity', 'flushLevel', 'flushIntervalMs'],
      ...['maxTraces', 'maxRecordsPerTrace', 'maxBytes', 'maxAgeMillis'],
    ],
  },
  http: {
    make: httpOf,
    options: [
      ...[...printing, 'host', 'url', 'method', 'secure', 'credentials', 'headers', 'compression'],
      'timeoutMillis',
    ],
  },
  alerts: { make: alertsOf, options: [...printing, ...alertOptions] },
  mail: { make: alertsOf, options: [...printing, ...alertOptions] },
  null: { make: () => nullDestination, options: every },
};

/** Kinds of Python's classes. */
const pythonKinds: Readonly<Record<DestinationKind, Make>> = {
  console: consoleOf,
  file: pythonFileOf,
  null: () => nullDestination,
  memory: memoryOf,
  http: httpOf,
  mail: mailOf,
};

/** Where the handler of this name and part writes. */
export function destinationOf(given: unknown, name: string, path: string, around: Surroundings): Destination {
  if (typeof given === 'function') return asDestination(given, path);
  const part = partOf(given, path);
  if (isDestination(part)) return asDestination(part, path);
  if (makerKey(part) !== undefined) return classOf(part, path, around);
  const kind = kindName(part, name, path);
  const { make, options } = kinds[kind]!;
  checkKeys(part, options, path);
  return make(part, path, around);
}

/** What a handler is by its own word or by its name. */
function kindName(part: Part, name: string, path: string): string {
  if (part.type === undefined && Object.hasOwn(kinds, name)) return name;
  if (part.type === undefined) throw wrong(`${path}.type`, `is missing: ${Object.keys(kinds).join(', ')}.`);
  const type = String(part.type);
  if (Object.hasOwn(kinds, type)) return type;
  throw wrong(`${path}.type`, `"${type}" is no kind of handler${advice(type, Object.keys(kinds))}`);
}

function classOf(part: Part, path: string, around: Surroundings): Destination {
  const name = factoryName(part, around.registry);
  const kind = name === undefined ? undefined : kindOfHandler(name);
  if (kind !== undefined) return pythonKinds[kind](part, path, around);
  const instead = name === undefined ? undefined : insteadOf(name);
  if (instead !== undefined)
    throw wrong(`${path}.${makerKey(part)}`, `"${name}" has no place here; use ${instead}.`);
  return asDestination(made(part, around.registry, path, handlerNames), path);
}

/** A name of section `formatters`, a format's own, or a function. What says nothing is printed as its spelling does. */
function formatOf(part: Part, path: string, { formats, used }: Surroundings): Format | LogFormat | undefined {
  const { formatter } = part;
  if (formatter === undefined) return makerKey(part) === undefined ? undefined : templateFormat();
  if (typeof formatter === 'function') return formatter as Format;
  const name = String(formatter);
  const found = formats.get(name) ?? name;
  if (typeof found === 'function') return found;
  if (!isFormatName(found)) {
    const known = [...formats.keys(), ...logFormats];
    throw wrong(`${path}.formatter`, `"${name}" is no formatter${advice(name, known)}`);
  }
  used.push(found);
  return found;
}

function consoleOf(part: Part, path: string, around: Surroundings): Destination {
  return around.makers.console(streamOf(part.stream, `${path}.stream`), formatOf(part, path, around));
}

/** A pasted StreamHandler writes to standard output. */
function streamOf(stream: unknown, path: string): StreamName {
  // Python's own default is stderr, where containers do not look for an app's lines (A36).
  if (stream === undefined || stream === 'stdout' || stream === 'ext://sys.stdout') return 'stdout';
  if (stream === 'stderr' || stream === 'ext://sys.stderr' || stream === process.stderr) return 'stderr';
  if (stream === process.stdout) return 'stdout';
  throw wrong(path, 'is neither stdout (ext://sys.stdout) nor stderr (ext://sys.stderr).');
}

function fileOf(part: Part, path: string, around: Surroundings): Destination {
  const options = Object.entries(part).filter(([key]) => !printing.includes(key));
  return openFile(Object.fromEntries(options), `${path}.path`, formatOf(part, path, around), around);
}

const pythonFileOptions = [
  ...[
    'filename',
    'mode',
    'encoding',
    'delay',
    'errors',
    'maxBytes',
    'backupCount',
    'when',
    'interval',
    'utc',
  ],
  ...['class', 'level', 'formatter', 'filters', '()'],
];

function pythonFileOf(part: Part, path: string, around: Surroundings): Destination {
  checkKeys(part, pythonFileOptions, path);
  const { filename, encoding = 'utf-8', delay, maxBytes = 0, backupCount = 0 } = part;
  const timed = shortName(factoryName(part, around.registry)!) === 'TimedRotatingFileHandler';
  const times = timed ? { when: part.when ?? 'h', interval: part.interval ?? 1, utc: part.utc ?? false } : {};
  const options = { path: filename, encoding, delay, maxBytes, backupCount, ...times };
  return openFile(options, `${path}.filename`, formatOf(part, path, around), around);
}

function openFile(
  options: Part,
  path: string,
  format: Format | LogFormat | undefined,
  { makers }: Surroundings,
): Destination {
  if (typeof options.path !== 'string' || options.path === '') throw wrong(path, 'is not a path.');
  const file = options.path;
  return attempt(path.slice(0, path.lastIndexOf('.')), () => makers.file({ ...options, path: file }, format));
}

/** What a destination says of its options is said of the path that they stand under. */
function attempt(path: string, make: () => Destination): Destination {
  try {
    return make();
  } catch (error) {
    throw wrong(path, `cannot be made: ${(error as Error).message}`, error);
  }
}

function memoryOf(part: Part, path: string, around: Surroundings): Destination {
  const name = String(part.target);
  const target = around.target(name, `${path}.target`);
  if (target === undefined)
    throw wrong(`${path}.target`, `"${name}" is no handler${advice(name, around.names)}`);
  if (part.perTrace === true) return recorderOf(part, path, target, around);
  const flushLevel = levelWord(part.flushLevel ?? 'ERROR', `${path}.flushLevel`);
  const capacity = Number(part.capacity ?? 100);
  const flushIntervalMs = Number(part.flushIntervalMs ?? (makerKey(part) === undefined ? 5000 : 0));
  return attempt(path, () => around.makers.memory({ capacity, flushLevel, flushIntervalMs, target }));
}

const recorderOptions = ['maxTraces', 'maxRecordsPerTrace', 'maxBytes', 'maxAgeMillis'];

function recorderOf(part: Part, path: string, target: Destination, { makers }: Surroundings): Destination {
  const bounds = Object.entries(part).filter(([key]) => recorderOptions.includes(key));
  for (const [key, value] of bounds)
    if (!(Number(value) > 0)) throw wrong(`${path}.${key}`, 'is no positive number.');
  const level = levelWord(part.level ?? 'DEBUG', `${path}.level`);
  return attempt(path, () => makers.recorder({ ...Object.fromEntries(bounds), level, target }));
}

function levelWord(value: unknown, path: string): Level {
  const least = levelNumber(value, path) ?? severity.TRACE;
  return levelText(Math.min(least, OFF - 1)) as Level;
}

function httpOf(part: Part, path: string, around: Surroundings): Destination {
  const { host, url, method, secure, credentials, headers, compression, timeoutMillis } = part;
  if (typeof host !== 'string' || host === '') throw wrong(`${path}.host`, 'is not the name of a host.');
  if (typeof url !== 'string') throw wrong(`${path}.url`, 'is not a path.');
  const all = { host, url, method, secure, credentials, headers, compression, timeoutMillis };
  const options = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const named = part.formatter === undefined ? undefined : formatOf(part, path, around);
  const format = typeof named === 'function' ? named : undefined;
  return attempt(path, () => around.makers.http(options as HttpOptions, format));
}

/** Whom an INFO wakes up has asked for it by its level. */
function alertsOf(part: Part, path: string, around: Surroundings): Destination {
  const destination = openAlerts(ownOptions(part), part, path, around);
  if (part.level !== undefined) return destination;
  return {
    ...destination,
    write: (record) => void (record.severityNumber >= severity.ERROR && destination.write(record)),
  };
}

function mailOf(part: Part, path: string, around: Surroundings): Destination {
  const isAdmin = shortName(factoryName(part, around.registry)!) === 'AdminEmailHandler';
  const options = isAdmin ? adminEmailOptions(part, path) : smtpHandlerOptions(part, path);
  return openAlerts(options, part, path, around);
}

/** A formatter's text is the head of the message. */
function openAlerts(options: Part, part: Part, path: string, around: Surroundings): Destination {
  const named = part.formatter === undefined ? undefined : formatOf(part, path, around);
  const format = typeof named === 'function' ? { format: named } : undefined;
  return attempt(path, () => around.makers.alerts({ ...options, ...format }));
}

function isDestination(part: Part): boolean {
  return typeof part.write === 'function' || typeof part.emit === 'function';
}

/** A function, or an object with a method `write` or, as in Python, `emit`. */
function asDestination(value: unknown, path: string): Destination {
  if (typeof value === 'function') return { write: value as (record: LogRecord) => void };
  const holder = value as (Partial<Destination> & { emit?: (record: LogRecord) => void }) | undefined | null;
  if (typeof holder?.write === 'function') return holder as Destination;
  if (typeof holder?.emit === 'function') return { write: (record) => holder.emit!(record) };
  throw wrong(path, 'gives neither a function nor an object with a method "write" or "emit".');
}
