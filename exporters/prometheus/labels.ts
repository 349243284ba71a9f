/** Label sets as text: whatever an attribute is called and holds, the page can be read. */
import type { Attributes } from '@opentelemetry/api';
import { flat } from '../../src/flat.ts';
import { redactAttributes, redaction } from '../../src/processing/redact.ts';
import { labelName } from './names.ts';

/** A NUL ends the page for Prometheus' own parser. */
const special = /[\\"\n\0]/;
const replacements: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\0': '\ufffd',
};

/** A value between its quotes. */
export function escaped(value: string): string {
  return special.test(value) ? value.replace(/[\\"\n\0]/g, (char) => replacements[char] as string) : value;
}

export function escapedHelp(text: string): string {
  return text.replace(/[\\\n\0]/g, (char) => replacements[char] as string);
}

/** Names come from code; what is made from data is computed each time. */
const mostKnown = 2_000;
const known = new Map<string, string>();

/** Names of the format's own that an attribute must not take. */
const reserved: ReadonlySet<string> = new Set([
  'le',
  'otel_scope_name',
  'otel_scope_version',
  'otel_scope_schema_url',
]);

function nameOf(key: string): string {
  const name = known.get(key);
  if (name !== undefined) return name;
  const plain = labelName(key);
  const made = reserved.has(plain) ? `exported_${plain}` : plain;
  if (known.size < mostKnown) known.set(key, made);
  return made;
}

const texts = { rules: redaction(), byAttributes: new WeakMap<Attributes, string>() };

/** The labels of a series without secrets; written once, since a series keeps its attributes. */
export function seriesLabels(attributes: Attributes): string {
  if (texts.rules !== redaction()) {
    texts.rules = redaction();
    texts.byAttributes = new WeakMap();
  }
  const written = texts.byAttributes.get(attributes);
  if (written !== undefined) return written;
  const text = flat(labelsText(redactAttributes(attributes)));
  texts.byAttributes.set(attributes, text);
  return text;
}

/** `a="1",b="x"`. Attributes whose names become the same are one label, their values joined as the rules say. */
export function labelsText(attributes: Attributes): string {
  let text = '';
  const names: string[] = [];
  let isClash = false;
  for (const key in attributes) {
    const name = nameOf(key);
    // A series has a handful: a list is read sooner than a set is made.
    isClash ||= names.includes(name);
    names.push(name);
    text += `${text === '' ? '' : ','}${name}="${escaped(valueText(attributes[key]))}"`;
  }
  return isClash ? joined(attributes) : text;
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function joined(attributes: Attributes): string {
  const byName = Map.groupBy(Object.keys(attributes).sort(), nameOf);
  const labels = [...byName].map(([name, keys]) => {
    const values = keys.map((key) => valueText(attributes[key]));
    return `${name}="${escaped(values.join(';'))}"`;
  });
  return labels.join(',');
}
