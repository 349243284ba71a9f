/** From a logging model to the tree of loggers: formatters, filters, handlers and loggers of one object. */
import type { LogFormat } from '../config/config.ts';
import { advice } from '../config/nearest.ts';
import { type DestinationMakers, destinationOf, type Surroundings } from './dict-destinations.ts';
import { levelNumber } from './dict-levels.ts';
import {
  builtInFilters,
  filterOf,
  formatterOf,
  membersOf,
  type Part,
  partOf,
  type Registry,
  sectionOf,
  wrong,
} from './dict-parts.ts';
import type { Format } from './format.ts';
import type { Destination, Filter, Handler } from './handler.ts';
import { filtered, nullDestination } from './route.ts';
import { type NodeSettings, nodeName } from './tree.ts';

/** What a model has become. */
export interface Compiled {
  readonly settings: Map<string, NodeSettings>;
  /** In the order in which they are closed: what holds records before its target. */
  readonly destinations: readonly Destination[];
  /** Names of the built-in formats that handlers write. */
  readonly formats: readonly LogFormat[];
}

interface Work {
  readonly registry: Registry;
  readonly makers: DestinationMakers;
  readonly parts: ReadonlyMap<string, unknown>;
  readonly formats: ReadonlyMap<string, Format | LogFormat>;
  readonly used: LogFormat[];
  readonly filters: ReadonlyMap<string, Filter>;
  readonly handlers: Map<string, Handler>;
  /** The handlers that are being made: a target that leads back is known by it. */
  readonly path: string[];
}

/** Opens what the handlers of the model need. Throws a `WrongPart` for what is wrong, with nothing left open. */
export function compile(model: Part, registry: Registry, makers: DestinationMakers): Compiled {
  const work: Work = {
    ...{ registry, makers, handlers: new Map(), used: [], path: [] },
    parts: new Map(membersOf(model, 'handlers').filter(([, part]) => part !== undefined)),
    formats: madeOf(model, 'formatters', (part, path) => formatterOf(part, registry, path)),
    filters: madeOf(model, 'filters', (part, path) => filterOf(part, registry, path)),
  };
  const destinations = () => [...work.handlers.values()].map(({ destination }) => destination).reverse();
  try {
    for (const name of work.parts.keys()) handlerOf(name, work);
    return { settings: loggersOf(model, work), destinations: destinations(), formats: work.used };
  } catch (error) {
    for (const destination of destinations()) destination.close?.();
    throw error;
  }
}

function madeOf<T>(model: Part, section: string, make: (part: unknown, path: string) => T): Map<string, T> {
  return new Map(
    membersOf(model, section).map(([name, part]) => [name, make(part, `${section}.${name}`)] as const),
  );
}

/** Made on first use: a memory handler's target may come after it. */
function handlerOf(name: string, work: Work): Handler {
  const found = work.handlers.get(name);
  if (found !== undefined) return found;
  const path = `handlers.${name}`;
  if (work.path.includes(name)) throw wrong(`${path}.target`, 'leads back to itself.');
  work.path.push(name);
  const given = work.parts.get(name);
  const part = typeof given === 'function' ? {} : partOf(given, path);
  const handler: Handler = {
    name,
    level: levelNumber(part.level, `${path}.level`) ?? 0,
    filters: [
      ...filtersOf(part.filters, work, `${path}.filters`),
      ...(typeof part.filter === 'function' ? [part.filter as Filter] : []),
    ],
    destination: destinationOf(given, name, path, around(work)),
  };
  work.path.pop();
  work.handlers.set(name, handler);
  return handler;
}

function around(work: Work): Surroundings {
  const { registry, makers, formats, used } = work;
  return {
    ...{ registry, makers, formats, used, names: [...work.parts.keys()] },
    target: (name) => (work.parts.has(name) ? targetOf(handlerOf(name, work)) : undefined),
  };
}

/** As Python: the filters of a target are asked, its level is not. */
function targetOf({ destination, filters }: Handler): Destination {
  if (filters.length === 0) return destination;
  return {
    write(record) {
      const passed = filtered(record, filters);
      if (passed !== undefined) destination.write(passed);
    },
    flush: async () => destination.flush?.(),
    flushSync: () => destination.flushSync?.(),
    close: () => destination.close?.(),
  };
}

function filtersOf(value: unknown, work: Work, path: string): Filter[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw wrong(path, 'is not a list.');
  return value.map((item: unknown, i) => {
    if (typeof item !== 'string') return filterOf(item, work.registry, `${path}.${i}`);
    const filter = work.filters.get(item) ?? builtInFilters.get(item);
    if (filter !== undefined) return filter;
    const known = [...work.filters.keys(), ...builtInFilters.keys()];
    throw wrong(`${path}.${i}`, `"${item}" is no filter${advice(item, known)}`);
  });
}

function loggersOf(model: Part, work: Work): Map<string, NodeSettings> {
  const settings = new Map<string, NodeSettings>();
  for (const [name, part] of sectionOf(model, 'loggers')) {
    settings.set(nodeName(name), settingsOf(part, `loggers.${name}`, work));
  }
  if (model.root !== undefined) settings.set('', settingsOf(partOf(model.root, 'root'), 'root', work));
  return settings;
}

const silent: Handler = { name: 'null', level: 0, filters: [], destination: nullDestination };

function settingsOf(part: Part, path: string, work: Work): NodeSettings {
  const names = part.handlers;
  if (names !== undefined && !Array.isArray(names)) throw wrong(`${path}.handlers`, 'is not a list.');
  const handlers = names?.map((name: unknown, i) => {
    if (typeof name === 'string' && work.parts.has(name)) return handlerOf(name, work);
    if (name === 'null') return silent;
    const known = [...work.parts.keys(), 'null'];
    throw wrong(`${path}.handlers.${i}`, `"${String(name)}" is no handler${advice(String(name), known)}`);
  });
  return {
    level: levelNumber(part.level, `${path}.level`),
    handlers,
    filters: filtersOf(part.filters, work, `${path}.filters`),
    propagate: part.propagate !== false,
  };
}
