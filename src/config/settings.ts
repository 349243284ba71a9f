/** Each setting with where it came from, for people: what may be secret is not in it. */
import { redactKey, redactText } from '../processing/redact.ts';
import type { Config } from './config.ts';
import { sourceOf } from './resolve.ts';
import { kindOf, readable } from './schema.ts';
import { inUse } from './shown.ts';

interface SettingShown {
  /** A number or a switch as it is, a text without secrets, and of a collection the names alone. */
  readonly value: number | boolean | string | readonly string[];
  readonly source: string;
}

/** By path: `logs.level`. What nobody set and has no default is left out. */
export function settingsOf(config: Config): Readonly<Record<string, SettingShown>> {
  const shown = [...kindOf].flatMap(([path, { secret }]) => {
    const held = path.split('.').reduce<any>((node, name) => node?.[name], config);
    const value = readable(path, held);
    const source = sourceOf(config, path);
    return value === undefined
      ? []
      : [[path, { value: present(path, value, secret), source: source ?? 'default' }]];
  });
  return Object.fromEntries(shown);
}

function present(path: string, value: unknown, secret: 'whole' | 'url' | undefined): SettingShown['value'] {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value))
    return value.map((item) => (typeof item === 'string' ? redactText(item) : `a ${typeof item}`));
  if (typeof value === 'object' && value !== null) return Object.keys(value);
  if (secret === 'whole' || redactKey(path)) return '[redacted]';
  return redactText(inUse(value, secret));
}
