/** When two sets of attributes are one series, and the quick way to it. */
import type { Attributes, AttributeValue } from '@opentelemetry/api';
import { usableAttributes } from '../context/attributes.ts';
import { safeText } from '../processing/limits.ts';

/** A series is kept and sent for as long as the process lives, so its texts are short. */
const longestText = 1_024;

const none: Attributes = Object.freeze({});

/** A copy of its own, cleaned: who changes the object later changes no series. Never throws. */
export function seriesAttributes(given: unknown): Attributes {
  if (typeof given !== 'object' || given === null) return none;
  const usable = usableAttributes(given) as Attributes;
  for (const name in usable) usable[name] = shortened(usable[name]);
  return Object.freeze(usable);
}

function shortened(value: AttributeValue | undefined): AttributeValue {
  if (typeof value === 'string') return safeText(value, longestText);
  return Array.isArray(value)
    ? (value.map((item) => shortened(item as string)) as string[])
    : (value as number);
}

/** The same text for the same attributes, in whatever order they were said; another text for all others. */
export function seriesKey(attributes: Attributes): string {
  const names = Object.keys(attributes);
  if (names.length > 1) names.sort();
  let key = '';
  for (const name of names) key += `${name.length}:${name}${valueKey(attributes[name])}`;
  return key;
}

/** Lengths stand in front, so that no text can look like the end of its value. */
function valueKey(value: unknown): string {
  if (typeof value === 'string') return `"${value.length}:${value}`;
  if (Array.isArray(value)) return `[${value.length}:${value.map(valueKey).join('')}`;
  return `${typeof value === 'number' ? '#' : '?'}${String(value)};`;
}

/** One name and the values it has had here; the inline one is the first and mostly the only one. */
class Branch<T> {
  name: string | undefined = undefined;
  value: unknown = undefined;
  child: Branch<T> | undefined = undefined;
  values: Map<unknown, Branch<T>> | undefined = undefined;
  /** The same place, where another name was said first. */
  other: Branch<T> | undefined = undefined;
  /** What the names and values up to here lead to. */
  found: T | undefined = undefined;
}

/** Beyond it what is known is forgotten and found again: the order of names is the caller's to choose. */
const mostBranches = 20_000;

/**
 * From attributes as they are said to their series, name by name and value by value: no text is put together, nothing
 * is sorted. Attributes in another order lead there by a branch of their own.
 */
export class SeriesTree<T> {
  readonly #keeps: ((name: string) => boolean) | undefined;
  #root = new Branch<T>();
  #size = 0;

  /** `keeps`: the names that make a difference; all of them where it is absent. */
  constructor(keeps?: (name: string) => boolean) {
    this.#keeps = keeps;
  }

  clear(): void {
    this.#root = new Branch();
    this.#size = 0;
  }

  /** May throw what a getter or a proxy throws. */
  find(attributes: Attributes): T | undefined {
    const keeps = this.#keeps;
    let branch: Branch<T> | undefined = this.#root;
    for (const name in attributes) {
      if (keeps !== undefined && !keeps(name)) continue;
      const value: unknown = attributes[name];
      while (branch !== undefined && branch.name !== name) branch = branch.other;
      if (branch === undefined || typeof value === 'object') return undefined;
      branch = branch.value === value ? branch.child : branch.values?.get(value);
      if (branch === undefined) return undefined;
    }
    return branch.found;
  }

  /** From now on `attributes` lead to `found`, unless one is a list, never the same twice, or too long to be kept. */
  add(attributes: Attributes, found: T): void {
    if (this.#size > mostBranches) this.clear();
    let branch = this.#root;
    for (const name in attributes) {
      if (this.#keeps !== undefined && !this.#keeps(name)) continue;
      const value: unknown = attributes[name];
      if (typeof value === 'object' || (typeof value === 'string' && value.length > longestText)) return;
      branch = this.#step(branch, name, value);
    }
    branch.found = found;
  }

  #step(from: Branch<T>, name: string, value: unknown): Branch<T> {
    let branch = from;
    while (branch.name !== name && branch.name !== undefined) {
      branch.other ??= this.#grown();
      branch = branch.other;
    }
    if (branch.name === undefined) {
      branch.name = name;
      branch.value = value;
      branch.child = this.#grown();
      return branch.child;
    }
    if (branch.value === value) return branch.child as Branch<T>;
    branch.values ??= new Map();
    const known = branch.values.get(value);
    if (known !== undefined) return known;
    const child = this.#grown();
    branch.values.set(value, child);
    return child;
  }

  #grown(): Branch<T> {
    this.#size++;
    return new Branch();
  }
}
