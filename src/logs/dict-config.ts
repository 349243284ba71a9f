/** Python's `dictConfig`: formatters, filters, handlers and loggers from one object (A10 to A12). */
import { advice } from '../config/nearest.ts';
import { diagnostics } from '../diagnostics.ts';
import { shared } from '../slot.ts';
import { handlerNames, insteadOf, kindOfHandler, shortName } from './dict-classes.ts';
import {
  asFilter,
  factoryName,
  filterOf,
  formatterOf,
  made,
  type Part,
  partOf,
  type Registry,
  sectionOf,
  wrong,
} from './dict-parts.ts';
import type { Format } from './format.ts';
import type { Destination, Filter, Handler } from './handler.ts';
import { type Level, levelText, OFF, parseLevel, severity, spellAsPython } from './levels.ts';
import type { StreamName } from './line-stream.ts';
import type { LogRecord } from './record.ts';
import { nullDestination } from './route.ts';
import { templateFormat } from './template-format.ts';
import { configureNodes, type NodeSettings, namedNodes, nodeName } from './tree.ts';
import { voiceLogger } from './voice.ts';

/** A logger's part of a `dictConfig`; `root` takes the same. */
export interface DictLogger {
  /** `'DEBUG'` to `'CRITICAL'` in any case, `'NOTSET'`, or Python's number. */
  readonly level?: string | number;
  readonly handlers?: readonly string[];
  /** Names of section `filters`, or functions. */
  readonly filters?: readonly (string | Filter)[];
  /** Whether records go on to the handlers above; true by default. */
  readonly propagate?: boolean;
}

/** Python's logging configuration. Wrong names, classes and levels are told by their path. */
export interface DictConfig {
  readonly version: number;
  /** Silences every logger that is there and not named here. False by default, unlike in Python (A11). */
  readonly disable_existing_loggers?: boolean;
  readonly formatters?: Readonly<Record<string, Part>>;
  readonly filters?: Readonly<Record<string, Part>>;
  readonly handlers?: Readonly<Record<string, Part>>;
  readonly loggers?: Readonly<Record<string, DictLogger>>;
  readonly root?: DictLogger;
}

/** What `init.ts` lends: this file must not know the exporters. */
export interface DestinationMakers {
  console(stream: StreamName, format: Format): Destination;
  /** The options of `fileDestination`. */
  file(options: Part & { readonly path: string }, format: Format): Destination;
  memory(options: { capacity: number; flushLevel: Level; target: Destination }): Destination;
}

interface Work {
  readonly registry: Registry;
  readonly makers: DestinationMakers;
  readonly parts: ReadonlyMap<string, Part>;
  readonly formats: ReadonlyMap<string, Format>;
  readonly filters: ReadonlyMap<string, Filter>;
  readonly handlers: Map<string, Handler>;
  readonly path: string[];
}

const current = shared<{ destinations: Destination[] }>('logs.dict', () => ({ destinations: [] }));
const sections = [
  'version',
  'disable_existing_loggers',
  'incremental',
  'formatters',
  'filters',
  'handlers',
  'loggers',
  'root',
];

/** Puts a `dictConfig` in place of the one before; what it says nothing about stays as it is by default. */
export function applyDict(dict: DictConfig, registry: Registry, makers: DestinationMakers): void {
  const given = partOf(dict, 'the configuration');
  checkSections(given);
  const work: Work = {
    ...{ registry, makers, handlers: new Map(), path: [] },
    parts: new Map(sectionOf(given, 'handlers')),
    formats: madeOf(given, 'formatters', (part, path) => formatterOf(part, registry, path)),
    filters: madeOf(given, 'filters', (part, path) => filterOf(part, registry, path)),
  };
  try {
    for (const name of work.parts.keys()) handlerOf(name, work);
    const loggers = loggersOf(given, work);
    if (given.disable_existing_loggers === true) disableOthers(loggers);
    spellAsPython(true);
    configureNodes(loggers);
  } catch (error) {
    for (const { destination } of [...work.handlers.values()].reverse()) destination.close?.();
    throw error;
  }
  for (const destination of current.destinations) destination.close?.();
  // A target is made before what holds records for it, and must be closed after it.
  current.destinations = [...work.handlers.values()].map((handler) => handler.destination).reverse();
  advise(given);
}

function checkSections(dict: Part): void {
  if (dict.version !== 1) throw wrong('version', 'is not 1, the only version there is.');
  for (const key of Object.keys(dict)) {
    if (!sections.includes(key)) throw wrong(key, `is no section${advice(key, sections)}`);
  }
  if (dict.incremental) throw wrong('incremental', 'is not supported; use setLevel() to change levels.');
}

function madeOf<T>(dict: Part, section: string, make: (part: Part, path: string) => T): Map<string, T> {
  return new Map(sectionOf(dict, section).map(([name, part]) => [name, make(part, `${section}.${name}`)]));
}

/** Made on first use: a memory handler's target may come after it. */
function handlerOf(name: string, work: Work): Handler {
  const found = work.handlers.get(name);
  if (found !== undefined) return found;
  const path = `handlers.${name}`;
  if (work.path.includes(name)) throw wrong(`${path}.target`, 'leads back to itself.');
  work.path.push(name);
  const part = work.parts.get(name)!;
  const handler: Handler = {
    name,
    level: levelOf(part.level, `${path}.level`) ?? 0,
    filters: filtersOf(part.filters, work, `${path}.filters`),
    destination: destinationOf(part, path, work),
  };
  work.path.pop();
  work.handlers.set(name, handler);
  return handler;
}

function destinationOf(part: Part, path: string, work: Work): Destination {
  const format = formatOf(part, path, work);
  const name = factoryName(part, work.registry);
  const kind = name === undefined ? undefined : kindOfHandler(name);
  if (kind === 'null') return nullDestination;
  if (kind === 'console') return work.makers.console(streamOf(part.stream, `${path}.stream`), format);
  if (kind === 'file') return fileOf(part, shortName(name!)!, path, format, work);
  if (kind === 'memory') return memoryOf(part, path, work);
  if (kind !== undefined) return notYet(name!, path);
  return ownDestination(part, name, path, work);
}

function formatOf(part: Part, path: string, work: Work): Format {
  if (part.formatter === undefined) return templateFormat();
  const name = String(part.formatter);
  const format = work.formats.get(name);
  if (format !== undefined) return format;
  throw wrong(`${path}.formatter`, `"${name}" is no formatter${advice(name, work.formats.keys())}`);
}

/** A pasted StreamHandler writes to standard output. */
function streamOf(stream: unknown, path: string): StreamName {
  // Python's own default is stderr, where containers do not look for an app's lines (A36).
  if (stream === undefined || stream === 'ext://sys.stdout' || stream === process.stdout) return 'stdout';
  if (stream === 'ext://sys.stderr' || stream === process.stderr) return 'stderr';
  throw wrong(path, 'is neither ext://sys.stdout nor ext://sys.stderr.');
}

const fileOptions = ['filename', 'mode', 'encoding', 'delay', 'errors', 'maxBytes', 'backupCount', 'when'];
const moreFileOptions = ['interval', 'utc', 'class', 'level', 'formatter', 'filters', '()'];

function fileOf(part: Part, name: string, path: string, format: Format, work: Work): Destination {
  const known = [...fileOptions, ...moreFileOptions];
  for (const key of Object.keys(part)) {
    if (!known.includes(key)) throw wrong(`${path}.${key}`, `is no option${advice(key, known)}`);
  }
  const { filename, encoding = 'utf-8', delay, maxBytes = 0, backupCount = 0 } = part;
  if (typeof filename !== 'string' || filename === '') throw wrong(`${path}.filename`, 'is not a path.');
  const timed = name === 'TimedRotatingFileHandler';
  const times = timed ? { when: part.when ?? 'h', interval: part.interval ?? 1, utc: part.utc ?? false } : {};
  try {
    return work.makers.file({ path: filename, encoding, delay, maxBytes, backupCount, ...times }, format);
  } catch (error) {
    throw wrong(path, `cannot be made: ${(error as Error).message}`, error);
  }
}

function memoryOf(part: Part, path: string, work: Work): Destination {
  const target = String(part.target);
  if (!work.parts.has(target)) {
    throw wrong(`${path}.target`, `"${target}" is no handler${advice(target, work.parts.keys())}`);
  }
  const least = levelOf(part.flushLevel ?? 'ERROR', `${path}.flushLevel`) ?? severity.TRACE;
  const flushLevel = levelText(Math.min(least, OFF - 1)) as Level;
  const capacity = Number(part.capacity ?? 100);
  return work.makers.memory({ capacity, flushLevel, target: handlerOf(target, work).destination });
}

/** Known, and without a destination in this version: what it takes is counted, and OTLP has it. */
function notYet(name: string, path: string): Destination {
  const told = `dictConfig: ${path} is a ${name}, which comes with a later version; until then it writes nothing.`;
  diagnostics.warnOnce(`logs.dict.${path}`, 'SONDE_ERR_OPTION', told);
  return { write: () => diagnostics.count(`logs.dropped.${shortName(name)}`) };
}

function ownDestination(part: Part, name: string | undefined, path: string, work: Work): Destination {
  const key = part['()'] !== undefined ? '()' : part.use !== undefined ? 'use' : 'class';
  if (part[key] === undefined) throw wrong(`${path}.class`, 'is missing.');
  const instead = name === undefined ? undefined : insteadOf(name);
  if (instead !== undefined) throw wrong(`${path}.${key}`, `"${name}" has no place here; use ${instead}.`);
  return asDestination(made(part, work.registry, path, handlerNames), path);
}

/** A function, or an object with a method `write` or, as in Python, `emit`. */
function asDestination(value: unknown, path: string): Destination {
  if (typeof value === 'function') return { write: value as (record: LogRecord) => void };
  const holder = value as (Partial<Destination> & { emit?: (record: LogRecord) => void }) | undefined | null;
  if (typeof holder?.write === 'function') return holder as Destination;
  if (typeof holder?.emit === 'function') return { write: (record) => holder.emit!(record) };
  throw wrong(path, 'gives neither a function nor an object with a method "write" or "emit".');
}

function filtersOf(value: unknown, work: Work, path: string): Filter[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrong(path, 'is not a list.');
  return value.map((item: unknown, i) => {
    if (typeof item !== 'string') return asFilter(item, `${path}.${i}`);
    const filter = work.filters.get(item);
    if (filter !== undefined) return filter;
    throw wrong(`${path}.${i}`, `"${item}" is no filter${advice(item, work.filters.keys())}`);
  });
}

const levelNames = [
  'TRACE',
  'DEBUG',
  'INFO',
  'WARNING',
  'WARN',
  'ERROR',
  'CRITICAL',
  'FATAL',
  'NOTSET',
  'OFF',
];

/** A SeverityNumber, or `undefined` for a level that says nothing. */
function levelOf(value: unknown, path: string): number | undefined {
  if (value === undefined || value === 'NOTSET' || value === 0) return undefined;
  if (typeof value === 'number' && value > 0)
    return value < 10 ? severity.TRACE : Math.floor((value * 4) / 10) + 1;
  const level = parseLevel(value);
  if (level !== undefined) return level;
  throw wrong(path, `"${String(value)}" is no level${advice(String(value), levelNames)}`);
}

function loggersOf(dict: Part, work: Work): Map<string, NodeSettings> {
  const settings = new Map<string, NodeSettings>();
  for (const [name, part] of sectionOf(dict, 'loggers')) {
    settings.set(nodeName(name), settingsOf(part, `loggers.${name}`, work));
  }
  if (dict.root !== undefined) settings.set('', settingsOf(partOf(dict.root, 'root'), 'root', work));
  return settings;
}

function settingsOf(part: Part, path: string, work: Work): NodeSettings {
  const names = part.handlers;
  if (names !== undefined && !Array.isArray(names)) throw wrong(`${path}.handlers`, 'is not a list.');
  const handlers = names?.map((name: unknown, i) => {
    if (typeof name === 'string' && work.parts.has(name)) return handlerOf(name, work);
    throw wrong(
      `${path}.handlers.${i}`,
      `"${String(name)}" is no handler${advice(String(name), work.parts.keys())}`,
    );
  });
  return {
    level: levelOf(part.level, `${path}.level`),
    handlers,
    filters: filtersOf(part.filters, work, `${path}.filters`),
    propagate: part.propagate !== false,
  };
}

/** As Python: what is there already and neither named nor below a name that is. Sonde's own voice stays. */
function disableOthers(settings: Map<string, NodeSettings>): void {
  const named = [...settings.keys()].filter((name) => name !== '');
  for (const { name } of namedNodes()) {
    const isKept = named.some((other) => name === other || name.startsWith(`${other}.`));
    if (!isKept && name !== voiceLogger) settings.set(name, { disabled: true });
  }
}

function advise(dict: Part): void {
  if (dict.disable_existing_loggers === undefined) {
    const told =
      'dictConfig: disable_existing_loggers is not given and false here; in Python it would be true.';
    diagnostics.infoOnce('logs.dict.disable_existing_loggers', told);
  }
  const names = sectionOf(dict, 'loggers').map(([name]) => name);
  const alias = names.find((name) => nodeName(name) !== name);
  if (alias === undefined) return;
  diagnostics.infoOnce(
    'logs.dict.alias',
    `dictConfig: logger ${alias} is ${nodeName(alias)} here: one node, two names.`,
  );
}
