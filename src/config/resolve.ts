/** From code, environment, file and defaults to the one configuration, which remembers where each value came from. */
import { dirname } from 'node:path';
import { SondeError } from '../errors.ts';
import { parseLevels } from '../logs/tree.ts';
import { type Config, defaults, type Options, type OtlpProtocol } from './config.ts';
import { type Env, environment, isDevelopment, isKubernetes, isTestRunner } from './env.ts';
import { readEnvironment } from './env-layer.ts';
import { configFile, type FromFiles, ownFile, readFiles } from './file.ts';
import { commitOf } from './git.ts';
import { type Complaint, type Layer, reachedPaths, type Setting } from './layer.ts';
import { answeredLogs } from './logs-model.ts';
import { appPackage, mainScript } from './main-script.ts';
import { defaultBase, endpointOf, endpointTakes } from './otlp-target.ts';
import { keepLocked } from './policy.ts';
import { isKind, kindOf, readable, type SchemaNode, schema, signals } from './schema.ts';
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
  /** The configuration file, if there is one. */
  readonly file?: string | undefined;
}

const sources = new WeakMap<Config, Layer>();

function readOptions(options: Options, without: () => Resolution): Layer {
  try {
    return readTree(answered(options, without), 'code', (message, path) => {
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

function settleService({ env, script, app }: Sources, merged: Layer): void {
  if (isDefault(merged, 'service.instanceId')) {
    settle(merged, 'service.instanceId', uniqueId());
  }
  const source = `package.json ${app?.file}`;
  if (env.AWS_LAMBDA_FUNCTION_NAME && isDefault(merged, 'service.name')) {
    // The main script is the runtime's, not the function's.
    settle(merged, 'service.name', env.AWS_LAMBDA_FUNCTION_NAME, 'env AWS_LAMBDA_FUNCTION_NAME');
  }
  if (app && isDefault(merged, 'service.name')) settle(merged, 'service.name', app.name, source);
  if (isDefault(merged, 'service.version')) settleVersion(merged, script, app);
}

/** Who does not count versions is known by the commit. */
function settleVersion(merged: Layer, script: string | undefined, app: ReturnType<typeof appPackage>): void {
  if (app?.version) {
    settle(merged, 'service.version', app.version, `package.json ${app.file}`);
    return;
  }
  const commit = script === undefined ? undefined : commitOf(dirname(app?.file ?? script));
  if (commit !== undefined) settle(merged, 'service.version', commit, 'git');
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

/** Who wants nothing done with log records means every way that anybody named. */
function settleLogs(merged: Layer): void {
  const off = merged.get('logs.off')!;
  if (off.value !== true) return;
  for (const path of merged.keys()) {
    if (/^logs\.(?:file\.path$|(?:formatters|filters|handlers|loggers|root)\.)/.test(path))
      merged.delete(path);
  }
  settle(merged, 'logs.console', 'off', off.source);
  settle(merged, 'logs.exporters', [], off.source);
}

/** A level of the environment is stronger than the one that the file gives the same logger. */
function settleLevels(merged: Layer): void {
  const spoken = merged.get('logs.level')!;
  if (!spoken.source.startsWith('env ')) return;
  for (const name of parseLevels(spoken.value as string).levels.keys()) {
    const path = name === '' ? 'logs.root.level' : `logs.loggers.${name}`;
    const setting = merged.get(path);
    if (!setting?.source.startsWith('file ')) continue;
    if (name === '') merged.delete(path);
    else merged.set(path, { ...setting, value: { ...(setting.value as object), level: undefined } });
  }
}

/** Rules are for one sampler alone: they choose it where nobody names another. */
function settleRules(merged: Layer, complaints: Complaint[]): void {
  const rules = merged.get('traces.rules')!;
  const sampler = merged.get('traces.sampler')!;
  if ((rules.value as readonly unknown[]).length === 0 || sampler.value === 'sonde_rules') return;
  if (isDefault(merged, 'traces.sampler')) settle(merged, 'traces.sampler', 'sonde_rules', rules.source);
  else {
    const message = `${rules.name} has no effect: the sampler is ${sampler.value}, and only sonde_rules goes by rules.`;
    complaints.push({ level: 'warn', code: codeOf(rules), message });
  }
}

/** Whoever sets a ratio and no sampler for it means to keep less. In a file it may be there as a ceiling. */
function settleRatio(merged: Layer, complaints: Complaint[]): void {
  const ratio = merged.get('traces.samplerArg')!;
  const { value: sampler } = merged.get('traces.sampler')!;
  if (!ratio.source.startsWith('env ') || ratio.value === 1 || !/always_on$/.test(String(sampler))) return;
  const instead = 'OTEL_TRACES_SAMPLER=parentbased_traceidratio keeps that share';
  const message = `${ratio.name} has no effect: the sampler is ${sampler}; ${instead}.`;
  complaints.push({ level: 'warn', code: 'SONDE_ERR_ENV', message });
}

/** A sampler that also keeps what failed and what was slow needs few of the others. */
function settleSampling(merged: Layer): void {
  if (merged.get('traces.sampler')!.value !== 'sonde_tail' || !isDefault(merged, 'traces.samplerArg')) return;
  settle(merged, 'traces.samplerArg', 0.05, 'default of sonde_tail');
}

function settleSurroundings(merged: Layer, env: Env): void {
  if (merged.get('logs.resource')!.value === 'auto') {
    const setting = merged.get('logs.resource')!;
    merged.set('logs.resource', { ...setting, value: isKubernetes(env) ? 'on' : 'off' });
  }
  if (env.AWS_LAMBDA_FUNCTION_NAME && isDefault(merged, 'flushEach')) {
    settle(merged, 'flushEach', true, 'env AWS_LAMBDA_FUNCTION_NAME');
  }
  // Standard output is a list of requests then, which other lines would spoil.
  const { value: exporters } = merged.get('logs.exporters')!;
  if ((exporters as readonly string[]).includes('otlp/stdout') && isDefault(merged, 'logs.console')) {
    settle(merged, 'logs.console', 'off', merged.get('logs.exporters')!.source);
  }
  // The preset is the whole of Django's look, its access line included.
  if (merged.get('logs.format')!.value === 'django' && isDefault(merged, 'accessLog.format')) {
    settle(merged, 'accessLog.format', 'django', merged.get('logs.format')!.source);
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
  const surroundings = {
    testRunner: isTestRunner(env),
    development: isDevelopment(env),
    kubernetes: isKubernetes(env),
  };
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
  const using = inUse(readable(reached, valueAt(merged, reached)), kindOf.get(reached)?.secret);
  return { level, code, message: `${message}; using ${using}.` };
}

/**
 * Lays code over environment over file over defaults. A wrong option throws a `SondeError` with `SONDE_ERR_OPTION`;
 * anything wrong in the environment or the file is a problem to be said, and the next source holds instead.
 *
 * @param load gives what the file says now, where it is known already
 */
export function resolveConfig(
  options: Options = {},
  env: Env = environment(),
  load?: () => unknown,
): Resolution {
  const script = mainScript(env);
  const app = appPackage(script);
  const base = { env, script, app, code: new Map() };
  const file = configFile(env, app);
  const answer = (given: Options) => answered(given, () => lay({ ...base, fromFile: nothing }));
  const own = ownFile(app);
  const fromFile = file === undefined ? nothing : readFiles(file, answer, { own, load });
  const code = readOptions(options, () => lay({ ...base, fromFile }));
  return { ...lay({ ...base, fromFile, code }), file };
}

interface Sources {
  readonly code: Layer;
  readonly env: Env;
  readonly script: string | undefined;
  readonly app: ReturnType<typeof appPackage>;
  readonly fromFile: FromFiles;
}

const nothing: FromFiles = { strata: [], complaints: [] };

/** `logs` may be a function of what would hold without it (A12). */
function answered(given: Options, without: () => Resolution): Options {
  if (typeof given?.logs !== 'function') return given;
  return { ...given, logs: answeredLogs(given.logs, without().config.logs) };
}

function lay(given: Sources): Resolution {
  const { code, env, fromFile } = given;
  const fromEnv = readEnvironment(env);
  const complaints = [...fromFile.complaints, ...fromEnv.complaints];
  const { strata } = fromFile;
  const defaults = defaultLayer();
  const layers = [defaults, ...strata.map(({ layer }) => layer), fromEnv.layer, code];
  const merged = layDown(layers, fromEnv.layer);
  keepLocked(merged, { defaults, strata, complaints });
  settleService(given, merged);
  settleSizes(merged, complaints);
  settleRules(merged, complaints);
  settleRatio(merged, complaints);
  settleSampling(merged);
  settleEndpoints(merged, complaints);
  settleLogs(merged);
  settleLevels(merged);
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
