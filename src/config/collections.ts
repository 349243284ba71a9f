/** Kinds that hold several values: lists, headers, resource attributes. */
import type { Mask } from '../processing/masks.ts';
import type { PersonalKind } from '../processing/secret-values.ts';
import type { AttributeValue } from './config.ts';
import type { Kind, Parsed } from './kinds.ts';
import { shown } from './shown.ts';

interface ListRules {
  /** What one item becomes; undefined if it is wrong. */
  readonly item: (text: string) => string | undefined;
  /** Known to the specification, not to Sonde yet. */
  readonly later?: readonly string[];
  /** Whether the word `none` stands for the empty list. */
  readonly none?: boolean;
}

function sortOut(items: readonly string[], takes: string, rules: ListRules): Parsed<readonly string[]> {
  const nones = items.filter((item) => item.toLowerCase() === 'none').length;
  if (rules.none && nones === items.length) return { value: [] };
  if (rules.none && nones > 0) return { value: [], note: 'has "none" beside other names; none wins' };
  const kept = items.flatMap((item) => rules.item(item) ?? []);
  const wrong = items.filter((item) => rules.item(item) === undefined);
  if (wrong.length === 0) return { value: [...new Set(kept)] };
  const isLater = wrong.every((item) => rules.later?.includes(item.toLowerCase()));
  if (kept.length === 0 && !isLater) return {};
  const why = isLater ? 'which comes later' : `which is not ${takes}`;
  return {
    value: [...new Set(kept)],
    note: `names ${wrong.map((item) => shown(item)).join(', ')}, ${why}; it is left out`,
  };
}

/** Several items, each once. */
export function list(one: string, takes: string, rules: ListRules): Kind<readonly string[]> {
  return {
    takes,
    read(given) {
      if (!Array.isArray(given) || !given.every((item) => typeof item === 'string')) return undefined;
      const { value, note } = sortOut(
        given.map((item: string) => item.trim()),
        one,
        rules,
      );
      return note === undefined ? value : undefined;
    },
    parse(text) {
      const items = text.split(',').map((item) => item.trim());
      const named = items.filter((item) => item !== '');
      return named.length === 0 ? {} : sortOut(named, one, rules);
    },
  };
}

/** Names of a fixed set, in any case, each once; `none` is the empty list. */
export function someOf(values: readonly string[], later: readonly string[]): Kind<readonly string[]> {
  const item = (word: string): string | undefined =>
    values.includes(word.toLowerCase()) ? word.toLowerCase() : undefined;
  const words = [...values, 'none'].join(', ');
  return list(`one of ${words}`, `a list of ${words}`, { item, later, none: true });
}

function matching(form: RegExp): (text: string) => string | undefined {
  return (text) => (form.test(text) ? text : undefined);
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** HTTP field names; `none` is the empty list. */
export const headerNames: Kind<readonly string[]> = list('a header name', 'a list of header names, or none', {
  item: matching(token),
  none: true,
});

/** Hosts to add; `none` stays as it is, since the empty list means the default. */
export const hosts: Kind<readonly string[]> = list('a host', 'a list of host names, * or none', {
  item: matching(/^[A-Za-z0-9.*:[\]_-]+$/),
});

export const paths: Kind<readonly string[]> = list(
  'a path that begins with /',
  'a list of paths that begin with /, or none',
  { item: matching(/^[/*]\S*$/), none: true },
);

export const names: Kind<readonly string[]> = list('a name', 'a list of names', { item: matching(/^\S.*$/) });

/** Short names of instrumentations, in lower case. */
export const instrumentations: Kind<readonly string[]> = list('a name', 'a list of instrumentation names', {
  item: (text) => (/^\S+$/.test(text) ? text.toLowerCase() : undefined),
});

/** An object somebody wrote, not a list, a class or a Map. */
export function isPlain(given: unknown): given is Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return false;
  const prototype = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function objectIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type OptionsByName = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function readOptionsByName(given: unknown): OptionsByName | undefined {
  if (!isPlain(given) || !Object.values(given).every(isPlain)) return undefined;
  return Object.fromEntries(
    Object.entries(given).map(([name, options]) => [name.toLowerCase(), options]),
  ) as OptionsByName;
}

/** By name, options of others, which are handed on as they are. */
export const optionsByName: Kind<OptionsByName> = {
  takes: 'an object of options by name, as JSON',
  isMap: true,
  read: readOptionsByName,
  parse: (text) => ({ value: readOptionsByName(objectIn(text)) }),
};

function isHeader(name: string, value: unknown): value is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header must not hold
  return token.test(name) && typeof value === 'string' && !/[\0-\x08\x0a-\x1f\x7f]/.test(value);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function cut(pair: string): [name: string, value: string] | undefined {
  const at = pair.indexOf('=');
  return at < 1 ? undefined : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}

function parts(text: string): string[] {
  return text.split(',').filter((part) => part.trim() !== '');
}

function parseHeaders(text: string): Parsed<Readonly<Record<string, string>>> {
  const found = parts(text).map((part) => {
    const [name, raw] = cut(part) ?? ['', ''];
    // A key with a stray percent sign is likelier meant as written than not meant at all.
    const value = decoded(raw) ?? raw;
    return isHeader(name, value) ? ([name.toLowerCase(), value] as const) : undefined;
  });
  const good = found.filter((entry) => entry !== undefined);
  if (good.length === 0) return {};
  const value = Object.fromEntries(good);
  return good.length === found.length
    ? { value }
    : { value, note: 'has a part that is not name=value; it is left out' };
}

/** Headers sent with OTLP, names in lower case. As text: `name=value,name=value`, values percent-encoded. */
export const headers: Kind<Readonly<Record<string, string>>> = {
  takes: 'headers as name=value pairs',
  secret: 'whole',
  isMap: true,
  read(given) {
    if (!isPlain(given)) return undefined;
    const entries = Object.entries(given);
    if (!entries.every(([name, value]) => isHeader(name, value))) return undefined;
    return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value as string]));
  },
  parse: parseHeaders,
};

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

function isAttribute(value: unknown): value is AttributeValue {
  if (!Array.isArray(value)) return isScalar(value);
  return value.every((item) => isScalar(item) && typeof item === typeof value[0]);
}

function copied(value: AttributeValue): AttributeValue {
  return Array.isArray(value) ? [...value] : value;
}

/** `key1=value1,key2=value2`, percent-encoded; one error discards the whole, as the specification says. */
function parseAttributes(text: string): Parsed<Readonly<Record<string, AttributeValue>>> {
  const entries = parts(text).map((part) => {
    const [name, value] = cut(part) ?? ['', '='];
    return [decoded(name) || undefined, value.includes('=') ? undefined : decoded(value)];
  });
  if (entries.length === 0 || entries.flat().includes(undefined)) return {};
  return { value: Object.fromEntries(entries) };
}

/** Resource attributes by name. */
export const attributes: Kind<Readonly<Record<string, AttributeValue>>> = {
  takes: 'attributes as name=value pairs, percent-encoded',
  isMap: true,
  read(given) {
    if (!isPlain(given)) return undefined;
    const entries = Object.entries(given);
    if (!entries.every(([, value]) => isAttribute(value))) return undefined;
    return Object.fromEntries(entries.map(([name, value]) => [name, copied(value as AttributeValue)]));
  },
  parse: parseAttributes,
};

/** A variable whose whole text is one resource attribute. */
export function attributeNamed(name: string): Kind<Readonly<Record<string, AttributeValue>>> {
  return { ...attributes, takes: 'a text', parse: (text) => ({ value: { [name]: text } }) };
}

/** Regular expressions. A variable's text is one, which may have alternatives. */
export const patterns: Kind<readonly RegExp[]> = {
  takes: 'a list of regular expressions',
  read(given) {
    return Array.isArray(given) && given.every((item) => item instanceof RegExp) ? [...given] : undefined;
  },
  parse(text) {
    try {
      return { value: [new RegExp(text, 'gu')] };
    } catch {
      return {};
    }
  },
};

/** Texts, and in code patterns, too. */
export const textsAndPatterns: Kind<readonly (string | RegExp)[]> = {
  takes: 'a list of texts and regular expressions',
  read(given) {
    const isFit = (item: unknown): boolean => typeof item === 'string' || item instanceof RegExp;
    return Array.isArray(given) && given.every(isFit) ? [...given] : undefined;
  },
  parse: (text) => ({ value: text.split(',').map((item) => item.trim()) }),
};

/** Functions by name; only code has them. */
export const masks: Kind<Readonly<Record<string, Mask>>> = {
  takes: 'functions by name, such as { cardNumber: mask.last4 }',
  read(given) {
    return isPlain(given) && Object.values(given).every((item) => typeof item === 'function')
      ? ({ ...given } as Record<string, Mask>)
      : undefined;
  },
  parse: () => ({}),
};

/** What is personal rather than secret. */
export const personal: Kind<readonly PersonalKind[]> = someOf(['email', 'phone', 'ip'], []) as Kind<
  readonly PersonalKind[]
>;
