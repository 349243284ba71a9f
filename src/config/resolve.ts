/** From code, environment, file and defaults to the one configuration, which remembers where each value came from. */
import { SondeError } from '../errors.ts';
import { type Config, defaults, type Options, type OtlpProtocol } from './config.ts';
import { type Env, environment, isKubernetes, isTestRunner } from './env.ts';
import { readEnvironment } from './env-layer.ts';
import { configFile, readFile } from './file.ts';
import { type Complaint, type Layer, reachedPaths, type Setting } from './layer.ts';
import { appPackage, mainScript } from './main-script.ts';
import { defaultBase, endpointOf, endpointTakes } from './otlp-target.ts';
import { isKind, kindOf, type SchemaNode, schema, signals } from './schema.ts';
import { inUse, shown } from './shown.ts';
import { readTree } from './tree-layer.ts';

/** Something to say once logging is up: `warn` through `diagnostics.warn(code, message)`, else `diagnostics.debug`. */
export interface Problem {
  readonly level: 'warn' | 'debug';
  readonly code: Complaint['code'];
  readonly message: string;
}

export interface Resolution {
  /** Frozen to its depth. */
  readonly config: Config;
  readonly problems: readonly Problem[];
}

const sources = new WeakMap<Config, Layer>();

function readOptions(options: unknown): Layer {
  try {
    return readTree(options, 'code', (message, path) => {
      throw new SondeError('SONDE_ERR_OPTION', path === undefined ? message : `${message}.`);
    });
  } catch (error) {
    if (error instanceof SondeError) throw error;
    throw new SondeError('SONDE_ERR_OPTION', 'The options threw an error when they were read.', error);
  }
}

/** Endpoints have no default here: whether somebody named one must still be seen. */
function defaultLayer(): Layer {
  const layer: Layer = new Map();
  for (const path of kindOf.keys()) {
    const value = path.split('.').reduce<any>((node, name) => node?.[name], defaults);
    if (value === undefined || path.endsWith('.endpoint') || kindOf.get(path)!.isMap) continue;
    settle(layer, path, value);
  }
  return layer;
}

/** `OTEL_SDK_DISABLED=true` is the operator's last word: code does not undo it. */
function layDown(layers: readonly Layer[], env: Layer): Layer {
  const merged: Layer = new Map(layers.flatMap((layer) => [...layer]));
  const disabled = env.get('disabled');
  if (disabled?.value === true) merged.set('disabled', disabled);
  return merged;
}

function settle(merged: Layer, path: string, value: unknown, source = 'default'): void {
  merged.set(path, { value, source, name: path });
}

function isDefault(merged: Layer, path: string): boolean {
  const setting = merged.get(path);
  return setting === undefined || setting.source === 'default';
}

/** A version 4 UUID that has to be unique, not secret: `node:crypto` would take longer than all else in this file. */
function uniqueId(): string {
  const hex = (digits: number) =>
    Math.floor(Math.random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  const variant = '89ab'[Math.floor(Math.random() * 4)];
  return `${hex(8)}-${hex(4)}-4${hex(3)}-${variant}${hex(3)}-${hex(12)}`;
}

function settleService(merged: Layer, app: ReturnType<typeof appPackage>): void {
  if (isDefault(merged, 'service.instanceId')) {
    settle(merged, 'service.instanceId', uniqueId());
  }
  if (!app) return;
  const source = `package.json ${app.file}`;
  if (isDefault(merged, 'service.name')) settle(merged, 'service.name', app.name, source);
  if (app.version && isDefault(merged, 'service.version')) {
    settle(merged, 'service.version', app.version, source);
  }
}

/** What must fit beside each other is made to fit; only what somebody asked for is worth a word. */
function settleAtMost(merged: Layer, path: string, boundPath: string, complaints: Complaint[]): void {
  const setting = merged.get(path)!;
  const bound = merged.get(boundPath)!;
  if ((setting.value as number) <= (bound.value as number)) return;
  if (!isDefault(merged, path)) {
    const message = `${setting.name} is ${setting.value}, more than ${boundPath}`;
    complaints.push({ level: 'warn', code: codeOf(setting), message, path });
  }
  merged.set(path, { ...setting, value: bound.value });
}

function settleSizes(merged: Layer, complaints: Complaint[]): void {
  for (const signal of ['traces', 'logs']) {
    const batch = `${signal}.batch`;
    settleAtMost(merged, `${batch}.maxExportBatchSize`, `${batch}.maxQueueSize`, complaints);
  }
  const timeout = merged.get('metrics.exportTimeoutMillis')!;
  const interval = merged.get('metrics.exportIntervalMillis')!;
  if (timeout.value === 0) merged.set('metrics.exportTimeoutMillis', { ...timeout, value: interval.value });
  settleAtMost(merged, 'metrics.exportTimeoutMillis', 'metrics.exportIntervalMillis', complaints);
}

function codeOf({ source }: Setting): Complaint['code'] {
  return source.startsWith('file ') ? 'SONDE_ERR_CONFIG_FILE' : 'SONDE_ERR_ENV';
}

function refuseEndpoint(setting: Setting, protocol: OtlpProtocol, complaints: Complaint[]): void {
  const message = `${setting.name} is ${shown(setting.value, 'url')}, which is not ${endpointTakes(protocol)}`;
  if (setting.source === 'code') throw new SondeError('SONDE_ERR_OPTION', `${message}.`);
  const said = `${message}; using ${defaultBase(protocol)}.`;
  if (complaints.some((complaint) => complaint.message === said)) return;
  complaints.push({ level: 'warn', code: codeOf(setting), message: said });
}

function settleEndpoints(merged: Layer, complaints: Complaint[]): void {
  for (const signal of signals) {
    const path = `otlp.${signal}.endpoint`;
    const protocol = merged.get(`otlp.${signal}.protocol`)!.value as OtlpProtocol;
    const insecure = merged.get(`otlp.${signal}.insecure`)!.value === true;
    const said = merged.get(path);
    const endpoint = said && endpointOf(said, signal, protocol, insecure);
    if (said && endpoint === undefined) refuseEndpoint(said, protocol, complaints);
    settle(merged, `otlp.${signal}.named`, endpoint !== undefined, said?.source);
    if (said && endpoint !== undefined) merged.set(path, { ...said, value: endpoint });
    else settle(merged, path, endpointOf(undefined, signal, protocol, insecure));
  }
}

function settleSurroundings(merged: Layer, env: Env): void {
  if (merged.get('logs.resource')!.value === 'auto') {
    const setting = merged.get('logs.resource')!;
    merged.set('logs.resource', { ...setting, value: isKubernetes(env) ? 'on' : 'off' });
  }
  // A test runner's console is a report, and what tests print is about the tests.
  if (isTestRunner(env) && isDefault(merged, 'bridges.console')) {
    settle(merged, 'bridges.console', [], 'default under a test runner');
  }
  const isNamed = signals.some((signal) => merged.get(`otlp.${signal}.named`)!.value === true);
  if (isTestRunner(env) && !isNamed && isDefault(merged, 'otlp.off')) {
    settle(merged, 'otlp.off', true, 'default under a test runner');
  }
}

function entriesBelow(merged: Layer, path: string): [key: string, setting: Setting][] {
  const prefix = `${path}.`;
  return [...merged].flatMap(([key, setting]) =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), setting]] : [],
  );
}

function valueAt(merged: Layer, path: string): unknown {
  if (!kindOf.get(path)?.isMap) return merged.get(path)?.value;
  return Object.fromEntries(entriesBelow(merged, path).map(([key, { value }]) => [key, value]));
}

function build(node: SchemaNode, prefix: string, merged: Layer): Record<string, unknown> {
  const pairs = Object.entries(node).map(([name, child]): [string, unknown] => {
    const path = `${prefix}${name}`;
    return [name, isKind(child) ? valueAt(merged, path) : build(child, `${path}.`, merged)];
  });
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

function buildConfig(merged: Layer, env: Env): Config {
  const tree = build(schema, '', merged) as { otlp: Record<string, object> };
  const targets = signals.map((signal) => {
    const named = merged.get(`otlp.${signal}.named`)!.value;
    return [signal, { ...tree.otlp[signal], named }];
  });
  const surroundings = { testRunner: isTestRunner(env), kubernetes: isKubernetes(env) };
  const otlp = { off: tree.otlp.off, ...Object.fromEntries(targets) };
  return freeze({ ...tree, surroundings, otlp }) as unknown as Config;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) freeze(child);
  }
  return value;
}

function sayWhatHolds({ level, code, message, path }: Complaint, merged: Layer): Problem {
  if (path === undefined) return { level, code, message };
  const reached = reachedPaths(path)[0]!;
  const using = inUse(valueAt(merged, reached), kindOf.get(reached)?.secret);
  return { level, code, message: `${message}; using ${using}.` };
}

/**
 * Lays code over environment over file over defaults. A wrong option throws a `SondeError` with `SONDE_ERR_OPTION`;
 * anything wrong in the environment or the file is a problem to be said, and the next source holds instead.
 */
export function resolveConfig(options: Options = {}, env: Env = environment()): Resolution {
  const code = readOptions(options);
  const app = appPackage(mainScript(env));
  const file = configFile(env, app);
  const fromFile = file === undefined ? undefined : readFile(file);
  const fromEnv = readEnvironment(env);
  const complaints = [...(fromFile?.complaints ?? []), ...fromEnv.complaints];
  const merged = layDown([defaultLayer(), fromFile?.layer ?? new Map(), fromEnv.layer, code], fromEnv.layer);
  settleService(merged, app);
  settleSizes(merged, complaints);
  settleEndpoints(merged, complaints);
  settleSurroundings(merged, env);
  const config = buildConfig(merged, env);
  sources.set(config, merged);
  return { config, problems: freeze(complaints.map((complaint) => sayWhatHolds(complaint, merged))) };
}

/**
 * Where a value came from: `code`, `env SONDE_LOG_LEVEL`, `file /x/sonde.config.json`, `package.json /x/package.json`
 * or `default`. For a branch such as `logs` each source once; undefined for a path that holds nothing.
 */
export function sourceOf(config: Config, path: string): string | undefined {
  const merged = sources.get(config);
  const own = merged?.get(path)?.source;
  if (own !== undefined || !merged) return own;
  const below = new Set(entriesBelow(merged, path).map(([, setting]) => setting.source));
  return below.size === 0 ? undefined : [...below].join(', ');
}
