/** What a dictionary adds to the rules of privacy: its section `privacy`, with the names that `init` has. It takes nothing away. */
import { masks, names, patterns, personal } from '../config/collections.ts';
import type { Kind } from '../config/kinds.ts';
import { advice } from '../config/nearest.ts';
import type { Mask } from '../processing/masks.ts';
import { addRedaction } from '../processing/redact.ts';
import type { PersonalKind } from '../processing/secret-values.ts';
import { type Part, partOf, wrong } from './dict-parts.ts';

export interface DictPrivacy {
  /** More names or paths (`customer.email`) whose values never leave the process. */
  readonly redactKeys?: readonly string[];
  /** Names or paths that are no secrets after all. */
  readonly allowKeys?: readonly string[];
  /** What is personal rather than secret. */
  readonly personal?: readonly PersonalKind[];
  /** Replaced in every text. */
  readonly patterns?: readonly RegExp[];
  /** By name or path, what stands in a value's place. */
  readonly masks?: Readonly<Record<string, Mask>>;
}

const kinds: Readonly<Record<keyof DictPrivacy, Kind<unknown>>> = {
  redactKeys: names,
  allowKeys: names,
  personal,
  patterns,
  masks,
};

/** Throws a `WrongPart` for what is wrong, by its path. */
export function privacyOf(dict: Part): DictPrivacy {
  const section = dict.privacy === undefined ? {} : partOf(dict.privacy, 'privacy');
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, readOption(name, value)]));
}

function readOption(name: string, given: unknown): unknown {
  const kind = kinds[name as keyof DictPrivacy];
  if (kind === undefined) throw wrong(`privacy.${name}`, `is no option${advice(name, Object.keys(kinds))}`);
  const value = kind.read(given);
  if (value === undefined) throw wrong(`privacy.${name}`, `is not ${kind.takes}.`);
  return value;
}

/** From now on, in place of what a dictionary added before. */
export function usePrivacy(privacy: DictPrivacy): void {
  addRedaction(privacy);
}
