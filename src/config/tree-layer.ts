/** Reads nested settings, as code and files give them, into a layer. */
import { isPlain } from './collections.ts';
import type { Kind } from './kinds.ts';
import { type Layer, liftService, put } from './layer.ts';
import { advice } from './nearest.ts';
import { isKind, type SchemaNode, schema } from './schema.ts';
import { inOwnWords } from './sentry-words.ts';
import { shown } from './shown.ts';

/** Told about each setting that cannot be used. May throw to stop there. Without a `path` the message ends by itself. */
export type Refuse = (message: string, path?: string) => void;

interface Reading {
  readonly layer: Layer;
  readonly source: string;
  readonly refuse: Refuse;
}

function readLeaf(
  kind: Kind<unknown>,
  given: unknown,
  path: string,
  { layer, source, refuse }: Reading,
): void {
  const value = kind.read(given);
  if (value !== undefined) put(layer, path, { value, source, name: path });
  else refuse(`${path} is ${shown(given, kind.secret)}, which is not ${kind.takes}`, path);
}

function readNode(node: SchemaNode, given: unknown, prefix: string, reading: Reading): void {
  if (!isPlain(given)) {
    reading.refuse(`${prefix.slice(0, -1) || 'options'} is ${shown(given)}, which is not a plain object.`);
    return;
  }
  for (const [name, child] of Object.entries(node)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined) continue;
    if (isKind(child)) readLeaf(child, value, `${prefix}${name}`, reading);
    else readNode(child, value, `${prefix}${name}.`, reading);
  }
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(node, name)) continue;
    const hint = advice(name, Object.keys(node), prefix);
    reading.refuse(`${prefix}${name} is not a known option${hint}`);
  }
}

/** `logs: false` is short for what has no other name among the options; others have a second name. */
function spelt(given: unknown): unknown {
  if (!isPlain(given)) return given;
  const own = inOwnWords(given);
  return own.logs === false ? { ...own, logs: { off: true } } : own;
}

/** The layer of an object in the form of `Options`. */
export function readTree(given: unknown, source: string, refuse: Refuse): Layer {
  const layer: Layer = new Map();
  readNode(schema, spelt(given), '', { layer, source, refuse });
  return liftService(layer);
}
