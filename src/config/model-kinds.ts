/** Kinds of the logging model's parts. Only their shape is looked at here: what is in them is compiled later. */
import type { LoggerOptions, ModelLevel } from '../logs/model.ts';
import { isPlain } from './collections.ts';
import type { Kind } from './kinds.ts';

type PartsByName = Readonly<Record<string, object>>;

/** Frozen to that depth: what is deeper is the app's own, and must neither be copied nor frozen with the rest. */
function copied(part: unknown): unknown {
  return isPlain(part) ? Object.freeze({ ...part }) : part;
}

/** Objects or functions by name; only code and files have them. */
export const parts: Kind<PartsByName> = {
  takes: 'objects by name',
  isMap: true,
  read(given) {
    if (!isPlain(given)) return undefined;
    const entries = Object.entries(given).map(([name, part]) => [name, copied(part)]);
    return Object.freeze(Object.fromEntries(entries)) as PartsByName;
  },
  parse: () => ({}),
};

/** What a list of filters holds: names, functions, objects. */
export const items: Kind<NonNullable<LoggerOptions['filters']>> = {
  takes: 'a list',
  read(given) {
    return Array.isArray(given) ? Object.freeze([...given]) : undefined;
  },
  parse: (text) => ({ value: text.split(',').map((item) => item.trim()) }),
};

/** Read by the compiler, which has all the spellings. */
export const levelName: Kind<ModelLevel> = {
  takes: 'a level',
  read(given) {
    return typeof given === 'string' || typeof given === 'number' ? given : undefined;
  },
  parse: (text) => ({ value: text }),
};

/** In their order; only code and a file that is a program have them. */
export const functions: Kind<readonly ((...values: any[]) => unknown)[]> = {
  takes: 'a list of functions',
  read(given) {
    return Array.isArray(given) && given.every((item) => typeof item === 'function') ? [...given] : undefined;
  },
  parse: () => ({}),
};
