/** Reads the parts of a `dictConfig` that others are made of: names, factories, filters and formatters (A6 to A9). */

import { type LogFormat, logFormats } from '../config/config.ts';
import { inDevelopment } from '../config/deployment.ts';
import { advice } from '../config/nearest.ts';
import { loadModule } from '../load.ts';
import { filterNames, formatterNames, kindOfFormatter, shortName } from './dict-classes.ts';
import { type Format, isFormatName } from './format.ts';
import type { Filter } from './handler.ts';
import type { LogRecord } from './record.ts';
import { jsonTemplateFormat, type TemplateOptions, templateFormat } from './template-format.ts';

/** The app's own classes and functions by the names that a `dictConfig` gives them. */
export type Registry = Readonly<Record<string, unknown>>;

/** One part of a `dictConfig`: options by name. */
export type Part = Readonly<Record<string, unknown>>;

type Callable = (options: unknown) => unknown;

/** A wrong value at a path: `handlers.file.class`. Whoever was given the model says whose path it is. */
export class WrongPart extends Error {}

export function wrong(path: string, problem: string, cause?: unknown): WrongPart {
  return new WrongPart(`${path} ${problem}`, cause === undefined ? undefined : { cause });
}

/** The value as an object. */
export function partOf(value: unknown, path: string): Part {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Part;
  throw wrong(path, 'is not an object.');
}

/** The members of a section as objects; nothing for a section that is not there. */
export function sectionOf(dict: Part, name: string): [string, Part][] {
  return membersOf(dict, name).map(([key, value]) => [key, partOf(value, `${name}.${key}`)]);
}

/** As `sectionOf`, where a member may also be the function that it stands for. */
export function membersOf(dict: Part, name: string): [string, unknown][] {
  return dict[name] === undefined ? [] : Object.entries(partOf(dict[name], name));
}

/** What the part is made by: the first of these keys that it has. */
export function makerKey(part: Part): '()' | 'use' | 'class' | undefined {
  return (['()', 'use', 'class'] as const).find((key) => part[key] !== undefined);
}

/** Refuses the first key that is not known. */
export function checkKeys(part: Part, known: readonly string[], path: string): void {
  const unknown = Object.keys(part).find((key) => !known.includes(key));
  if (unknown !== undefined) throw wrong(`${path}.${unknown}`, `is no option${advice(unknown, known)}`);
}

/** What is named: a function as it is, a name of the registry, or `./filters.js#SpecialFilter`. */
function resolved(value: unknown, registry: Registry, path: string, known: readonly string[]): Callable {
  if (typeof value === 'function') return value as Callable;
  if (typeof value !== 'string') throw wrong(path, 'is neither a name nor a function.');
  const found = Object.hasOwn(registry, value) ? registry[value] : fromModule(value, path);
  if (typeof found === 'function') return found as Callable;
  const near = advice(value, [...Object.keys(registry), ...known]);
  throw wrong(path, `"${value}" is in no registry given to dictConfig, and no module path${near}`);
}

/** `#` parts module and export; without it the default export is meant. Relative to the current folder. */
function fromModule(name: string, path: string): unknown {
  if (!/^[./]|#|^file:/.test(name)) return undefined;
  const [file = '', member = 'default'] = name.split('#');
  try {
    return loadModule(file)[member];
  } catch (error) {
    throw wrong(path, `"${file}" cannot be loaded: ${String(error)}.`, error);
  }
}

const own = new Set(['()', 'use', 'with', 'class', 'level', 'formatter', 'filters', 'filter', 'handlers']);

/** What a factory is called with: Python's keywords beside `()`, or `with`. */
function argumentsOf(part: Part, path: string): Part {
  if (part.with !== undefined) return partOf(part.with, `${path}.with`);
  return Object.fromEntries(Object.entries(part).filter(([key]) => !own.has(key)));
}

/** What the factory of a part gives: a class is constructed, a function called. */
export function made(part: Part, registry: Registry, path: string, known: readonly string[]): unknown {
  const key = makerKey(part) ?? 'class';
  const factory = resolved(part[key], registry, `${path}.${key}`, known);
  const options = argumentsOf(part, path);
  try {
    const isClass = /^class\b/.test(Function.prototype.toString.call(factory));
    return isClass ? new (factory as unknown as new (options: Part) => unknown)(options) : factory(options);
  } catch (error) {
    throw wrong(`${path}.${key}`, `threw: ${String(error)}.`, error);
  }
}

/** The name of the factory, where it is one of Python's own that the registry does not replace. */
export function factoryName(part: Part, registry: Registry): string | undefined {
  const key = makerKey(part);
  const name = key === undefined ? undefined : part[key];
  return typeof name === 'string' && !Object.hasOwn(registry, name) ? name : undefined;
}

/** A filter of section `filters`, or one that stands where it is used (A5 to A8). */
export function filterOf(given: unknown, registry: Registry, path: string): Filter {
  if (typeof given === 'function') return given as Filter;
  const part = partOf(given, path);
  if (typeof part.filter === 'function' && makerKey(part) === undefined) return asFilter(part, path);
  const name = factoryName(part, registry);
  const isBare = makerKey(part) === undefined;
  const short = isBare ? 'Filter' : name === undefined ? undefined : shortName(name);
  if (short === 'RequireDebugFalse') return requireProduction;
  if (short === 'RequireDebugTrue') return inDevelopment;
  if (short === 'CallbackFilter') return callbackOf(part, registry, path);
  if (short === 'Filter') return subtreeFilter(String(part.name ?? ''));
  return asFilter(made(part, registry, path, filterNames), path);
}

const requireProduction: Filter = () => !inDevelopment();

/** Filters that need no section (A8). */
export const builtInFilters: ReadonlyMap<string, Filter> = new Map([
  ['requireProduction', requireProduction],
  ['requireDevelopment', () => inDevelopment()],
]);

function callbackOf(part: Part, registry: Registry, path: string): Filter {
  return resolved(part.callback, registry, `${path}.callback`, []) as unknown as Filter;
}

/** Python's own filter: a logger and what is below it. */
function subtreeFilter(name: string): Filter {
  return ({ logger }) => name === '' || logger === name || logger.startsWith(`${name}.`);
}

/** A function, or an object with a method `filter`. */
function asFilter(value: unknown, path: string): Filter {
  if (typeof value === 'function') return value as Filter;
  const holder = value as { filter?: Filter } | undefined | null;
  if (typeof holder?.filter === 'function') return (record) => holder.filter!(record);
  throw wrong(path, 'gives neither a function nor an object with a method "filter".');
}

/** A formatter of section `formatters` (A9): a function, or the name of a built-in one (`json`, `pino`). */
export function formatterOf(given: unknown, registry: Registry, path: string): Format | LogFormat {
  if (typeof given === 'function') return given as Format;
  const part = partOf(given, path);
  const name = factoryName(part, registry);
  if (isFormatName(name)) return name;
  const kind =
    makerKey(part) === undefined ? 'template' : name === undefined ? undefined : kindOfFormatter(name);
  if (kind === undefined) {
    return asFormat(made(part, registry, path, [...formatterNames, ...logFormats]), path);
  }
  if (kind === 'structlog') return kind;
  const { fmt, format = fmt ?? (kind === 'server' ? '%(message)s' : undefined) } = part;
  const options = { ...part, format } as TemplateOptions;
  try {
    return kind === 'json' ? jsonTemplateFormat(options) : templateFormat(options);
  } catch (error) {
    throw wrong(`${path}.format`, `cannot be understood: ${(error as Error).message}.`, error);
  }
}

/** A function, or an object with a method `format`. */
function asFormat(value: unknown, path: string): Format {
  if (typeof value === 'function') return value as Format;
  const holder = value as { format?: Format } | undefined | null;
  if (typeof holder?.format === 'function') return (record: LogRecord) => String(holder.format!(record));
  throw wrong(path, 'gives neither a function nor an object with a method "format".');
}
