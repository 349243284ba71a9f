/** What a setting takes: how a typed value is checked, how a variable's text is read, and how to say it to people. */

import { levelText } from '../logs/levels.ts';
import { parseRates } from '../logs/rates.ts';
import { parseLevels } from '../logs/tree.ts';
import { parseSlow } from '../traces/slow-limits.ts';
import type { UserRule } from './config.ts';
import { shown } from './shown.ts';

/** A value that was understood; with a note when not all of it was. Without a value the text was wrong. */
export interface Parsed<T> {
  readonly value?: T;
  /** Follows the variable's name: `names "zipkin", which comes later; it is left out`. */
  readonly note?: string;
}

export interface Kind<T> {
  /** Follows "is not" and "takes": `a positive whole number`. */
  readonly takes: string;
  /** `whole`: never shown. `url`: shown without user, password and query. */
  readonly secret?: 'whole' | 'url';
  /** Several sources add to it name by name instead of replacing it. */
  readonly isMap?: true;
  /** The value for people, where it is no text by itself. */
  texts?(value: T): readonly string[];
  /** The value to keep (a copy, if it is a list or an object), or undefined if `given` is wrong. */
  read(given: unknown): T | undefined;
  /** The same for the text of an environment variable, already trimmed and not empty. */
  parse(text: string): Parsed<T>;
}

type FromText = (text: string) => unknown;

function scalar<T>(takes: string, read: (given: unknown) => T | undefined, fromText: FromText): Kind<T> {
  return { takes, read, parse: (text) => ({ value: read(fromText(text)) }) };
}

function readText(given: unknown): string | undefined {
  return typeof given === 'string' && given.trim() !== '' ? given.trim() : undefined;
}

function readBoolean(given: unknown): boolean | undefined {
  return typeof given === 'boolean' ? given : undefined;
}

export const text: Kind<string> = scalar('a text', readText, (given) => given);

/** A boolean of the OpenTelemetry specification: `true` and `false`, nothing else. */
export const flag: Kind<boolean> = scalar(
  'true or false',
  readBoolean,
  (given) => ({ true: true, false: false })[given.toLowerCase()],
);

const switchWords = new Map<string, boolean>([
  ...['on', 'true', '1', 'yes'].map((word): [string, boolean] => [word, true]),
  ...['off', 'false', '0', 'no', 'none'].map((word): [string, boolean] => [word, false]),
]);

/** A switch of Sonde's own: `on`, `off`, and what people write instead. */
export const toggle: Kind<boolean> = scalar('on or off', readBoolean, (given) =>
  switchWords.get(given.toLowerCase()),
);

/** The same, read the other way round: `SONDE_OTLP=off` sets `otlp.off`. */
export const offSwitch: Kind<boolean> = scalar('on or off', readBoolean, (given) => {
  const on = switchWords.get(given.toLowerCase());
  return on === undefined ? undefined : !on;
});

const largest = 2 ** 31 - 1;

function wholeNumber(takes: string, smallest: number, unlimited = false): Kind<number> {
  const read = (given: unknown): number | undefined => {
    if (unlimited && given === Number.POSITIVE_INFINITY) return given;
    if (!Number.isInteger(given)) return undefined;
    const value = given as number;
    return value >= smallest && value <= largest ? value : undefined;
  };
  return scalar(takes, read, (given) => (/^\d+$/.test(given) ? Number(given) : undefined));
}

export const positive: Kind<number> = wholeNumber('a positive whole number', 1);
export const limit: Kind<number> = wholeNumber('a whole number, zero or more', 0, true);
export const millis: Kind<number> = wholeNumber('a whole number of milliseconds, zero or more', 0);
export const interval: Kind<number> = wholeNumber('a positive whole number of milliseconds', 1);

/** 0 takes any free one. */
export const port: Kind<number> = scalar(
  'a port from 0 to 65535',
  (given) =>
    Number.isInteger(given) && (given as number) >= 0 && (given as number) <= 65_535
      ? (given as number)
      : undefined,
  (given) => (/^\d+$/.test(given) ? Number(given) : undefined),
);

export const ratio: Kind<number> = scalar(
  'a number from 0 to 1',
  (given) => (typeof given === 'number' && given >= 0 && given <= 1 ? given : undefined),
  (given) => (/^(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?$/i.test(given) ? Number(given) : undefined),
);

interface Spellings<T> {
  /** Other words for a value. */
  readonly aliases?: Readonly<Record<string, T>>;
}

/** One word of a list, in any case. */
export function oneOf<T extends string>(values: readonly T[], spellings: Spellings<T> = {}): Kind<T> {
  const words = new Map<string, T>(Object.entries(spellings.aliases ?? {}));
  for (const value of values) words.set(value, value);
  const read = (given: unknown): T | undefined =>
    typeof given === 'string' ? words.get(given.trim().toLowerCase()) : undefined;
  return { takes: `one of ${values.join(', ')}`, read, parse: (given) => ({ value: read(given) }) };
}

/** `info,shop.orders=debug`, as the tree of loggers reads it. A variable's wrong parts are left out. */
export const levels: Kind<string> = {
  takes:
    'a level (trace, debug, info, warn, error, fatal, off) or a tree of levels such as info,shop.orders=debug',
  read(given) {
    const tree = readText(given);
    if (tree === undefined) return undefined;
    const spec = parseLevels(tree);
    return spec.problems.length === 0 && spec.levels.size > 0 ? tree : undefined;
  },
  parse(given) {
    const { levels: good, problems: wrong } = parseLevels(given);
    if (good.size === 0) return {};
    if (wrong.length === 0) return { value: given };
    const value = [...good].map(([name, level]) => `${name && `${name}=`}${levelText(level)}`).join(',');
    return {
      value,
      note: `names ${wrong.map((part) => shown(part)).join(', ')}, which is no level; it is left out`,
    };
  },
};

/** `shop.orders=100/s,shop.db=10/m`. A variable's wrong parts are left out. */
export const rates: Kind<string> = {
  takes: 'rates of loggers such as shop.orders=100/s,shop.db=10/m',
  read(given) {
    const spec = readText(given);
    return spec !== undefined && parseRates(spec).problems.length === 0 ? spec : undefined;
  },
  parse(given) {
    const { rates: good, problems: wrong } = parseRates(given);
    if (good.size === 0) return {};
    if (wrong.length === 0) return { value: given };
    const value = [...good]
      .map(([name, { count, unit }]) => `${name && `${name}=`}${count}/${unit}`)
      .join(',');
    return {
      value,
      note: `names ${wrong.map((part) => shown(part)).join(', ')}, which is no rate; it is left out`,
    };
  },
};

/** `1s,/reports/*=10s`. A variable's wrong parts are left out. */
export const slowness: Kind<string> = {
  takes: 'times such as 1s,/reports/*=10s,process mail=off',
  read(given) {
    const spec = readText(given);
    return spec !== undefined && parseSlow(spec).problems.length === 0 ? spec : undefined;
  },
  parse(given) {
    const { good, problems: wrong } = parseSlow(given);
    if (good.length === 0) return {};
    if (wrong.length === 0) return { value: given };
    return {
      value: good.join(','),
      note: `names ${wrong.map((part) => shown(part)).join(', ')}, which is no time; it is left out`,
    };
  },
};

/** A function, or `false`; a variable can only say `off`. */
export const userRule: Kind<UserRule> = {
  takes: 'a function from a request to the id of its user, or false',
  read: (given) => (given === false || typeof given === 'function' ? (given as UserRule) : undefined),
  parse: (given) => ({ value: switchWords.get(given.toLowerCase()) === false ? false : undefined }),
};

/** A URL, or `host:port` for grpc. Which of them is right is known only beside the protocol. */
export const endpoint: Kind<string> = {
  ...scalar(
    'a URL such as http://collector:4318',
    (given) => {
      const url = readText(given);
      return url !== undefined && /^[\x21-\x7e]+$/.test(url) ? url : undefined;
    },
    (given) => given,
  ),
  secret: 'url',
};
