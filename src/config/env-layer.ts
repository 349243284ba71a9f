/** Reads the environment into a layer. A wrong value is a complaint, never an error. */
import type { Env } from './env.ts';
import { declarative, isForeign, readElsewhere, sondeLater, withoutEffect } from './known-names.ts';
import { type Complaint, type Layer, liftService, put } from './layer.ts';
import { advice } from './nearest.ts';
import { kindOf } from './schema.ts';
import { shown } from './shown.ts';
import { fallbacks, type Variable, variables } from './variables.ts';

interface Reading {
  readonly env: Env;
  readonly layer: Layer;
  readonly complaints: Complaint[];
}

function readVariable(variable: Variable, { env, layer, complaints }: Reading): void {
  const text = env[variable.name]?.trim();
  if (!text) return;
  const { name, paths } = variable;
  const kind = variable.kind ?? kindOf.get(paths[0]!)!;
  const { value, note } = kind.parse(text);
  const level = variable.isForeign ? 'debug' : 'warn';
  if (value === undefined) {
    const message = `${name} is ${shown(text, kind.secret)}, ${note ?? `which is not ${kind.takes}`}`;
    complaints.push({ level, code: 'SONDE_ERR_ENV', message, path: paths[0]! });
    return;
  }
  if (note) complaints.push({ level, code: 'SONDE_ERR_ENV', message: `${name} ${note}.` });
  for (const path of paths) put(layer, path, { value, source: `env ${name}`, name });
}

function normalised(path: string): string {
  return path.replaceAll('_', '').toLowerCase();
}

const byNormalisedPath = new Map([...kindOf.keys()].map((path) => [normalised(path), path]));
const reserved = new Set([...variables.map(({ name }) => name), ...readElsewhere, ...sondeLater]);

/** `SONDE_LOGS__FORMAT` or `sonde_logs__format` as a row of its own: any path of the configuration can be set. */
function genericVariable(name: string): Variable | undefined {
  if (!/^SONDE_\w+$/i.test(name) || reserved.has(name)) return undefined;
  const path = byNormalisedPath.get(normalised(name.slice('SONDE_'.length).replaceAll('__', '.')));
  return path === undefined ? undefined : { name, paths: [path] };
}

/** What is said for all signals comes before what is said for one. */
function genericVariables(env: Env): Variable[] {
  const found = Object.keys(env).flatMap((name) => genericVariable(name) ?? []);
  return found.sort((a, b) => a.paths[0]!.split('.').length - b.paths[0]!.split('.').length);
}

const silent = new Set([...readElsewhere, ...[...fallbacks, ...variables].map(({ name }) => name)]);
const known: readonly string[] = [...silent, ...sondeLater, ...declarative, ...withoutEffect];

/** `logs.requestId` as `SONDE_LOGS__REQUEST_ID`. */
function genericName(path: string): string {
  return `SONDE_${path.replaceAll('.', '__').replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

function unknown(name: string): Complaint {
  const candidates = name.includes('__') ? [...kindOf.keys()].map(genericName) : known;
  const message = `${name} is not a variable Sonde knows${advice(name, candidates)}`;
  return { level: 'warn', code: 'SONDE_ERR_ENV_UNKNOWN', message };
}

function complainAbout(name: string, text: string): Complaint | undefined {
  if (silent.has(name) || !/^(?:OTEL|SONDE)_\w*$/.test(name) || genericVariable(name)) return undefined;
  if (declarative.includes(name)) {
    const message = `${name} is set, but declarative YAML is not read yet; the other variables hold.`;
    return { level: 'warn', code: 'SONDE_ERR_ENV', message };
  }
  if (sondeLater.includes(name) || withoutEffect.includes(name)) {
    const message = `${name} is set and has no effect ${sondeLater.includes(name) ? 'yet' : 'in Sonde'}.`;
    return { level: 'debug', code: 'SONDE_ERR_ENV', message };
  }
  return isForeign(name, text) ? undefined : unknown(name);
}

/** Everything the environment says, and what is wrong with it. An empty value is as good as none. */
export function readEnvironment(env: Env): { readonly layer: Layer; readonly complaints: Complaint[] } {
  const reading: Reading = { env, layer: new Map(), complaints: [] };
  for (const row of [...fallbacks, ...genericVariables(env), ...variables]) readVariable(row, reading);
  for (const [name, value] of Object.entries(env)) {
    const complaint = value?.trim() ? complainAbout(name, value) : undefined;
    if (complaint) reading.complaints.push(complaint);
  }
  return { layer: liftService(reading.layer), complaints: reading.complaints };
}
