/** One source's say: a flat map from path to value, made so that laying one map over another is all of precedence. */
import { kindOf, signals } from './schema.ts';

export interface Setting {
  readonly value: unknown;
  /** `code`, `env SONDE_LOG_LEVEL`, `file /x/sonde.config.json`, `package.json /x/package.json`, `default`. */
  readonly source: string;
  /** What the user wrote it under, for messages: `OTEL_EXPORTER_OTLP_ENDPOINT`, `otlp.endpoint`. */
  readonly name: string;
  /** An endpoint for all signals: the signal's own path is still to be added. */
  readonly isBase?: boolean;
}

export type Layer = Map<string, Setting>;

/** What is wrong with a source, to be said once logging is up. `debug` is for what hurts nobody. */
export interface Complaint {
  readonly level: 'warn' | 'debug';
  readonly code: 'SONDE_ERR_ENV' | 'SONDE_ERR_ENV_UNKNOWN' | 'SONDE_ERR_CONFIG_FILE' | 'SONDE_ERR_LOCKED';
  readonly message: string;
  /** The path that the source would have set; `; using <what holds there>.` is then still to be added. */
  readonly path?: string;
}

const generalTarget = /^otlp\.(?!off$)(\w+)$/;

/** The paths that a setting for all signals reaches; else the path itself. */
export function reachedPaths(path: string): readonly string[] {
  const field = generalTarget.exec(path)?.[1];
  return field === undefined ? [path] : signals.map((signal) => `otlp.${signal}.${field}`);
}

/** Writes a checked value into the layer, over what was there. */
export function put(layer: Layer, path: string, setting: Setting): void {
  for (const reached of reachedPaths(path)) {
    if (kindOf.get(reached)?.isMap) putEach(layer, reached, setting);
    else layer.set(reached, { ...setting, isBase: path === 'otlp.endpoint' });
  }
}

function putEach(layer: Layer, path: string, setting: Setting): void {
  for (const [key, value] of Object.entries(setting.value as object)) {
    layer.set(`${path}.${key}`, { ...setting, value });
  }
}

const serviceNames = new Map([
  ['resource.service.name', 'service.name'],
  ['resource.service.version', 'service.version'],
  ['resource.service.instance.id', 'service.instanceId'],
]);

/** `service.*` among resource attributes are the service's settings, unless the same source names those too. */
export function liftService(layer: Layer): Layer {
  for (const [from, to] of serviceNames) {
    const setting = layer.get(from);
    if (!setting) continue;
    layer.delete(from);
    const value = kindOf.get(to)!.read(setting.value);
    if (value !== undefined && !layer.has(to)) layer.set(to, { ...setting, value });
  }
  return layer;
}
