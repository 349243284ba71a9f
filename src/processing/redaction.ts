/** Privacy: the one engine that decides what must not leave the process, for one set of rules. */
import { isCardNumber } from './check-digits.ts';
import { fullMask, type Mask, masked, redactedInUrl, redactedText } from './masks.ts';
import { KeyTrie, plainName } from './secret-keys.ts';
import { type PersonalKind, SecretFinder } from './secret-values.ts';
import { isSuspicious, type MayEndName } from './suspicion.ts';

/** What is redacted beside and beyond the built-in rules (A62). Names count without case, dashes, underscores, dots. */
export interface RedactionRules {
  /** `false` lets everything through as it is. */
  readonly redact?: boolean;
  /** More names, at any depth; with a dot also a path: `customer.email`, `*.note`. */
  readonly redactKeys?: readonly string[];
  /** Names or paths that are no secrets after all. They win over every rule for names; their texts are still read. */
  readonly allowKeys?: readonly string[];
  /** Another mask than `[REDACTED]` for a name or path; the name then counts as a secret's. */
  readonly masks?: Readonly<Record<string, Mask>>;
  /** Replaced in every text. What they cost is their author's. */
  readonly patterns?: readonly RegExp[];
  /** What is personal rather than secret: none by default. */
  readonly personal?: readonly PersonalKind[];
}

/** What a name says about its value. */
interface Verdict {
  /** The name without its secrets, for a name may be made of data. */
  readonly name: string;
  readonly mask: Mask | undefined;
  /** Values of conventions that hold a word of a list: not read. */
  readonly trusted: boolean;
  /** Rules that need to know where the name stands, the strongest first. */
  readonly paths: readonly PathRule[] | undefined;
}

interface PathRule {
  readonly path: readonly string[];
  /** `undefined` allows. */
  readonly mask: Mask | undefined;
}

/** Names come from code, so there are few; whoever makes them from data pays for it alone. */
export const mostKept = 2_000;
/** No secret with its label is shorter: `pin=1`. */
const shortest = 5;
/** Texts from here on are remembered, the last one: the stack of an error is asked for by every destination. */
const longText = 256;
/** Frames of one stack, and how many of them are remembered. */
const longestKept = 8_192;
const mostFrames = 200;
const deepest = 8;
/** A power of two. */
const cleanPlaces = 64;
export const smallestCard = 4e12;

const trustedNames = new Set([
  'http.request.method',
  'url.scheme',
  'network.protocol.name',
  'network.protocol.version',
  'network.transport',
  'network.type',
  'db.system.name',
  'error.type',
]);

/** One set of rules, ready for use. Never throws; time is linear in what it is given. */
export class Redaction {
  readonly isOn: boolean;
  readonly #keys: KeyTrie;
  readonly #finder: SecretFinder;
  readonly #mayEnd: MayEndName;
  readonly #readsAll: boolean;
  readonly #others: ReadonlySet<string>;
  readonly #allowed: ReadonlySet<string>;
  readonly #masks: ReadonlyMap<string, Mask>;
  readonly #paths: readonly PathRule[];
  readonly #patterns: readonly RegExp[];
  readonly #verdicts = new Map<string, Verdict>();
  readonly #frames = new Map<string, string>();
  #last = '';
  #lastClean = '';
  /** Short texts without secrets, each at a place of its own: those of a request are asked for by every signal. */
  readonly #cleanTexts: string[] = new Array(cleanPlaces).fill('');

  constructor(rules: RedactionRules = {}) {
    const { redactKeys = [], allowKeys = [], masks = {}, patterns = [], personal = [] } = rules;
    const names = [...redactKeys, ...Object.keys(masks)];
    this.isOn = rules.redact !== false;
    this.#keys = new KeyTrie(names);
    this.#others = new Set(names.map(plainName).filter((name) => /[^a-z0-9]/.test(name)));
    this.#allowed = new Set(allowKeys.map(plainName));
    this.#masks = new Map(Object.entries(masks).map(([name, mask]) => [plainName(name), guarded(mask)]));
    this.#paths = [
      ...pathRules(allowKeys, () => undefined),
      ...pathRules(Object.keys(masks), (name) => this.#masks.get(plainName(name))),
      ...pathRules(redactKeys, () => fullMask),
    ];
    this.#patterns = patterns.map((pattern) => new RegExp(pattern, `${pattern.flags.replace(/[gy]/g, '')}g`));
    this.#mayEnd = (text, end) => this.#others.size > 0 || this.#keys.mayEnd(text, end);
    this.#readsAll = personal.length > 0;
    this.#finder = new SecretFinder(
      {
        isSecret: (text, start, end, query) => this.#isSecret(text, start, end, query),
        mayEnd: this.#mayEnd,
      },
      personal,
    );
  }

  /** The mask for values of this name, or `undefined` if it is no secret's; `path` are the names above it. */
  maskOf(key: string, path: readonly string[] = []): Mask | undefined {
    const verdict = this.#verdict(key);
    return verdict.paths === undefined ? verdict.mask : maskAt(verdict, key, path);
  }

  /** Whether the name depends on where it stands, so that `maskOf` must be asked each time with its path. */
  needsPath(key: string): boolean {
    return this.#verdict(key).paths !== undefined;
  }

  /** Whether the value of this query parameter must not leave the process. */
  isSecretParameter(name: string): boolean {
    return this.isOn && this.#isSecret(name, 0, name.length, true);
  }

  /** The text without its secrets; the same string where there are none. */
  text(text: string, mask: string = redactedText): string {
    if (text.length < shortest || !this.isOn) return text;
    if (text.length < longText) return this.#short(text, mask);
    if (mask !== redactedText) return this.#clean(text, mask);
    if (text !== this.#last) {
      this.#lastClean = this.#clean(text, mask);
      this.#last = text;
    }
    return this.#lastClean;
  }

  #short(text: string, mask: string): string {
    const { length } = text;
    const place =
      (length + text.charCodeAt(length - 1) * 7 + text.charCodeAt(length >> 1)) & (cleanPlaces - 1);
    if (this.#cleanTexts[place] === text) return text;
    const clean = this.#clean(text, mask);
    if (clean === text) this.#cleanTexts[place] = text;
    return clean;
  }

  /** The frames of a stack without their secrets; those that were asked for lately are remembered. */
  frames(text: string): string {
    if (!this.isOn) return text;
    const known = this.#frames.get(text);
    if (known !== undefined) return known;
    const clean = this.#clean(text, redactedText);
    if (text.length > longestKept) return clean;
    if (this.#frames.size >= mostFrames) this.#frames.clear();
    this.#frames.set(text, clean);
    return clean;
  }

  /** A value that is not under a secret name: texts and lists of texts cleaned, numbers that are cards masked. */
  value(value: unknown, path: readonly string[] = []): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') return this.isCard(value) ? redactedText : value;
    if (typeof value !== 'object' || value === null || path.length > deepest) return value;
    if (Array.isArray(value)) return this.#list(value, path);
    return isPlainObject(value) ? this.attributes(value, path) : value;
  }

  /** Attributes of a span, an event, a resource, a series: the same object where nothing had to be changed. */
  attributes<T extends object>(given: T, path: readonly string[] = []): T {
    if (!this.isOn) return given;
    const source = given as Record<string, unknown>;
    let copy: Record<string, unknown> | undefined;
    for (const key in source) {
      const value = source[key];
      const verdict = this.#verdict(key);
      const clean = this.#member(verdict, key, value, path);
      const { name } = verdict;
      if (clean === value && name === key) continue;
      copy ??= { ...source };
      if (name !== key) delete copy[key];
      copy[name] = clean;
    }
    return (copy ?? given) as T;
  }

  /** Whether a number is a card's. */
  isCard(value: number): boolean {
    return (
      value >= smallestCard &&
      this.isOn &&
      Number.isInteger(value) &&
      isCardNumber(Array.from(String(value), Number))
    );
  }

  #member(verdict: Verdict, key: string, value: unknown, path: readonly string[]): unknown {
    const mask = verdict.paths === undefined ? verdict.mask : maskAt(verdict, key, path);
    if (mask !== undefined) return masked(mask, value);
    if (verdict.trusted || typeof value === 'boolean') return value;
    if (typeof value === 'string' && key.startsWith('url.')) return this.text(value, redactedInUrl);
    return typeof value === 'object' ? this.value(value, [...path, key]) : this.value(value);
  }

  #list(list: readonly unknown[], path: readonly string[]): unknown {
    let copy: unknown[] | undefined;
    for (let i = 0; i < list.length; i++) {
      const clean = this.value(list[i], Array.isArray(list[i]) ? [...path, ''] : path);
      if (clean === list[i]) continue;
      copy ??= [...list];
      copy[i] = clean;
    }
    return copy ?? list;
  }

  #verdict(key: string): Verdict {
    const found = this.#verdicts.get(key);
    if (found !== undefined) return found;
    const verdict = this.#judge(key);
    if (this.#verdicts.size < mostKept) this.#verdicts.set(key, verdict);
    return verdict;
  }

  #judge(key: string): Verdict {
    const name = this.text(key);
    if (!this.isOn) return { name, mask: undefined, trusted: false, paths: undefined };
    const last = plainName(key.slice(key.lastIndexOf('.') + 1));
    const paths = this.#paths.filter(({ path }) => path.at(-1) === last);
    const mask = this.#isSecret(key, 0, key.length, false)
      ? (this.#masks.get(plainName(key)) ?? this.#masks.get(last) ?? fullMask)
      : undefined;
    return { name, mask, trusted: trustedNames.has(key), paths: paths.length === 0 ? undefined : paths };
  }

  #isSecret(text: string, start: number, end: number, query: boolean): boolean {
    if (!this.#keys.has(text, start, end, query) && !this.#isOther(text, start, end)) return false;
    return this.#allowed.size === 0 || !isListed(this.#allowed, text.slice(start, end));
  }

  /** Names that are not spelt with ASCII letters. */
  #isOther(text: string, start: number, end: number): boolean {
    return this.#others.size > 0 && isListed(this.#others, text.slice(start, end));
  }

  #clean(text: string, mask: string): string {
    const isRead = this.#readsAll || isSuspicious(text, this.#mayEnd);
    let clean = isRead && this.#finder.find(text, 0) ? this.#replaced(text, mask) : text;
    for (const pattern of this.#patterns) clean = clean.replace(pattern, mask);
    return clean;
  }

  #replaced(text: string, mask: string): string {
    const { hit } = this.#finder;
    let clean = '';
    let copied = 0;
    do {
      clean += text.slice(copied, hit.start) + (hit.inUrl ? redactedInUrl : mask);
      copied = hit.end;
    } while (this.#finder.find(text, copied));
    return clean + text.slice(copied);
  }
}

/** A mask of the user's that throws hides all. */
function guarded(mask: Mask): Mask {
  return (value) => {
    try {
      return String(mask(value));
    } catch {
      return redactedText;
    }
  };
}

function pathRules(names: readonly string[], maskOf: (name: string) => Mask | undefined): PathRule[] {
  return names
    .filter((name) => name.includes('.'))
    .map((name) => ({
      path: name.split('.').map((part) => (part === '*' ? part : plainName(part))),
      mask: maskOf(name),
    }));
}

function maskAt({ mask, paths = [] }: Verdict, key: string, path: readonly string[]): Mask | undefined {
  const here = [...path, ...key.split('.')].map(plainName);
  const rule = paths.find((each) => endsWith(here, each.path));
  return rule === undefined ? mask : rule.mask;
}

function endsWith(here: readonly string[], path: readonly string[]): boolean {
  const from = here.length - path.length;
  return from >= 0 && path.every((part, i) => part === '*' || part === here[from + i]);
}

function isListed(names: ReadonlySet<string>, name: string): boolean {
  return (
    names.has(plainName(name)) ||
    names.has(plainName(name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf('[')) + 1)))
  );
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
