/** The rules of privacy that are in force, for whoever lets something out of the process. On by default. */
import { shared } from '../slot.ts';
import { type Mask, redactedText } from './masks.ts';
import { mostKept, Redaction, type RedactionRules, smallestCard } from './redaction.ts';

interface State {
  base: RedactionRules;
  added: RedactionRules;
  /** Nothing until somebody asks: the rules of a configuration mostly come first. */
  rules: Redaction | undefined;
}

const state = shared<State>('redaction', () => ({ base: {}, added: {}, rules: undefined }));

/** From now on these rules hold, in the whole process. */
export function useRedaction(rules: RedactionRules): void {
  state.base = rules;
  state.rules = undefined;
}

/** On top of the rules in force and of those that come later; in place of what was added before. */
export function addRedaction(rules: Omit<RedactionRules, 'redact'>): void {
  state.added = rules;
  state.rules = undefined;
}

function merged({ base, added }: State): RedactionRules {
  const lists = ['redactKeys', 'allowKeys', 'patterns', 'personal'] as const;
  const both = Object.fromEntries(
    lists.map((name) => [name, [...(base[name] ?? []), ...(added[name] ?? [])]]),
  );
  return { ...base, ...both, masks: { ...base.masks, ...added.masks } };
}

/** The rules in force. */
export function redaction(): Redaction {
  state.rules ??= new Redaction(merged(state));
  return state.rules;
}

/** The text without its secrets; the same string where there are none (A62). */
export function redactText(text: string): string {
  return redaction().text(text);
}

const frameLead = '\n    at ';

/** What one text may keep of the memory. */
const longestKept = 65_536;
let lastRules: Redaction | undefined;
let lastStack = '';
let lastClean = '';

/** A stack without its secrets. Errors come in runs of one kind: the last one is remembered. */
export function redactStack(stack: string): string {
  const rules = redaction();
  if (stack === lastStack && rules === lastRules) return lastClean;
  const clean = cleanStack(stack, rules);
  if (stack.length > longestKept) return clean;
  lastStack = stack;
  lastRules = rules;
  lastClean = clean;
  return clean;
}

/** Errors come from few places: the frames of each are read once. */
function cleanStack(stack: string, rules: Redaction): string {
  const at = stack.indexOf(frameLead);
  return at < 0 ? rules.text(stack) : rules.text(stack.slice(0, at)) + rules.frames(stack.slice(at));
}

/** Whether values of this name are secrets; `path` are the names above it. */
export function redactKey(key: string, path?: readonly string[]): boolean {
  return redaction().maskOf(key, path) !== undefined;
}

/** The mask for values of this name at this place. */
export function maskOf(key: string, path: readonly string[]): Mask | undefined {
  return redaction().maskOf(key, path);
}

/** Whether a name's rule depends on where it stands. */
export function needsPath(key: string): boolean {
  return redaction().needsPath(key);
}

/** A number, unless it is a card's. */
export function redactCard(value: number): number | string {
  return value >= smallestCard && redaction().isCard(value) ? redactedText : value;
}

/** Attributes without their secrets; the same object where there are none. */
export function redactAttributes<T extends object>(attributes: T): T {
  return redaction().attributes(attributes);
}

/**
 * Remembers what `make` gave for each name until other rules hold; `mask` is what hides values of that name, if they
 * are to be hidden wherever it stands.
 */
export function perKey<T>(make: (key: string, mask: Mask | undefined) => T): (key: string) => T {
  const memory = new Map<string, T>();
  let rules: Redaction | undefined;
  return (key) => {
    const inForce = redaction();
    if (rules !== inForce) {
      memory.clear();
      rules = inForce;
    }
    const known = memory.get(key);
    if (known !== undefined) return known;
    const made = make(key, inForce.maskOf(key));
    if (memory.size < mostKept) memory.set(key, made);
    return made;
  };
}
