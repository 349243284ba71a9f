/** Composition root: from a configuration to a running Sonde. The only file that knows every layer. */
import { context, logs, metrics, propagation as propagationApi, trace } from '@opentelemetry/api';
import { consoleSink } from '../exporters/console.ts';
import { type Delivery, startDelivery } from '../exporters/otlp/delivery.ts';
import type { Armed, ArmedReport } from '../instrumentation/hook.ts';
import { armAll } from '../instrumentation/index.ts';
import type { Config } from './config/config.ts';
import { resolveConfig, sourceOf } from './config/resolve.ts';
import { resourceAttributes } from './config/resource.ts';
import { contextManager } from './context/context.ts';
import { enterInheritedContext } from './context/inherited.ts';
import { createPropagation, propagation, usePropagation } from './context/propagation.ts';
import { diagnostics, type Voice } from './diagnostics.ts';
import type { Sensors } from './instrumentation.ts';
import { watchEnds, within } from './lifecycle.ts';
import { load } from './load.ts';
import { apiLoggerProvider } from './logs/api-provider.ts';
import type { DestinationMakers, DictConfig } from './logs/dict-config.ts';
import type { Registry } from './logs/dict-parts.ts';
import { startSinks } from './logs/early.ts';
import { lineFormat } from './logs/format.ts';
import type { JsonFormatOptions } from './logs/json-format.ts';
import { lineStream } from './logs/line-stream.ts';
import type { Sink } from './logs/record.ts';
import { parseLevels, setLevel, setLevels } from './logs/tree.ts';
import { diagnosticsVoice, voiceLogger } from './logs/voice.ts';
import { startObservations } from './metrics/instruments.ts';
import type { OfficialParts } from './official.ts';
import { redactAttributes, useRedaction } from './processing/redact.ts';
import { claimRegistry, followHolder, heldGlobals } from './registry.ts';
import { shared } from './slot.ts';
import type { EndOptions, InitOptions, Sonde, Status } from './sonde.ts';
import type { RunningSdk } from './traces/sdk.ts';
import { VERSION } from './version.ts';

const defaultTimeoutMillis = 2_000;
const state = shared<{ sonde: Sonde | undefined }>('running', () => ({ sonde: undefined }));

/**
 * Starts Sonde. Call it once, before anything else is imported; a second call gives the running one, whatever its
 * options. Configuration: code over environment over file over defaults.
 *
 * @throws SondeError with `SONDE_ERR_OPTION` for a wrong option; nothing else, and nothing later.
 * @example const sonde = init({ service: { name: 'shop' } });
 */
export function init(options: InitOptions = {}): Sonde {
  state.sonde ??= start(options);
  return state.sonde;
}

/** The heavy ones are read when a dict first asks for them. */
const makers: DestinationMakers = {
  console: (stream, format) => ({ write: consoleSink({ stream, format }) }),
  file: (options, format) =>
    load<typeof import('../exporters/file.ts')>('file').fileDestination({ ...options, format }),
  memory: (options) => load<typeof import('../exporters/memory.ts')>('memory').memoryDestination(options),
};

/**
 * Configures loggers, handlers, filters and formatters by Python's LOGGING dict, before or after `init`. It replaces
 * the dict before; levels that it names win over those of the environment. OTLP takes every record that at least one
 * handler but the null handler is there for.
 *
 * @param registry the app's own classes and functions by the names that the dict gives them:
 *   `{ 'project.logging.SpecialFilter': SpecialFilter }`
 * @throws SondeError with `SONDE_ERR_OPTION` for what is wrong in the dict, by its path; nothing is changed then
 * @example dictConfig({ version: 1, root: { level: 'WARNING' } })
 */
export function dictConfig(dict: DictConfig, registry: Registry = {}): void {
  load<typeof import('./logs/dict-config.ts')>('dict').applyDict(dict, registry, makers);
}

function start({ sdk = {}, ...options }: InitOptions): Sonde {
  const { config, problems } = resolveConfig(options);
  useRedaction(config.privacy);
  setLevels(parseLevels(config.logs.level));
  // Who only said how much the app logs has said nothing about Sonde's own words.
  if (sourceOf(config, 'diagnostics.level') !== 'default') setLevel(voiceLogger, config.diagnostics.level);
  diagnostics.speakThrough(voiceOf(config));
  const sonde = config.disabled || !isSupportedNode() ? loggerOnly(config, 'off') : tryBegin(config, sdk);
  if (!config.privacy.redact)
    diagnostics.warn('SONDE_ERR_REDACT_OFF', 'Redaction is off: secrets leave the process as they are.');
  for (const { level, code, message } of problems) {
    if (level === 'warn') diagnostics.warn(code, message);
    else diagnostics.debug(message);
  }
  return sonde;
}

/** The preload asks this before it loads anything; `init()` in code has loaded the core already. */
function isSupportedNode(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 15)) return true;
  diagnostics.warn(
    'SONDE_ERR_NODE_VERSION',
    `Node.js ${process.versions.node} is older than 22.15: only the console logger is on.`,
  );
  return false;
}

function formatOf(config: Config): JsonFormatOptions {
  return {
    requestId: config.logs.requestId,
    resource: config.logs.resource === 'on' ? resourceAttributes(config) : undefined,
  };
}

function printersOf(config: Config): Sink[] {
  const { console, file, format } = config.logs;
  const printers = console === 'off' ? [] : [consoleSink({ format, ...formatOf(config) })];
  return file.path === undefined ? printers : [...printers, fileOf(file.path, config)];
}

/** The place of the app's history; people read the console, so `auto` is JSON here. */
function fileOf(path: string, config: Config): Sink {
  const { file, format } = config.logs;
  const destination = load<typeof import('../exporters/file.ts')>('file').fileDestination({
    path,
    maxBytes: file.maxBytes,
    backupCount: file.backups,
    format: lineFormat(format, false, formatOf(config)),
  });
  return (record) => destination.write(record);
}

function voiceOf(config: Config): Voice {
  const log = lineStream('stdout');
  return diagnosticsVoice({
    format: lineFormat(config.logs.format, log.isTerminal, formatOf(config)),
    log: config.logs.console === 'off' ? undefined : log,
  });
}

const nothing: ArmedReport = { armed: [], patched: [], missed: [] };

/** A logger on the console and nothing else: nothing to deliver, nothing to undo. */
function loggerOnly(config: Config, mode: Status['mode']): Sonde {
  startSinks(printersOf(config), []);
  return handle({ mode: () => mode, report: () => nothing, flush: async () => {}, stop: async () => {} });
}

/** Another SDK was first: its context and its tracer are used, so that Sonde's lines carry its ids. */
function beGuest(config: Config): Sonde {
  followHolder();
  return loggerOnly(config, 'guest');
}

/** The app must start, whatever goes wrong in here. */
function tryBegin(config: Config, official: OfficialParts): Sonde {
  try {
    return begin(config, official);
  } catch (error) {
    diagnostics.error(
      'SONDE_ERR_INTERNAL',
      `Sonde could not start, only its logger is on: ${String(error)}.`,
    );
    return loggerOnly(config, 'off');
  }
}

function begin(config: Config, official: OfficialParts): Sonde {
  usePropagation(createPropagation(config));
  if (heldGlobals().some((name) => name !== 'logs')) return beGuest(config);
  claimRegistry();
  const attributes = redactAttributes(resourceAttributes(config));
  const delivery = startDelivery({
    config,
    attributes,
    loadOtlp: () => load('otlp'),
    loadGrpc: () => load('grpc'),
  });
  logs.setGlobalLoggerProvider(apiLoggerProvider as never);
  const sdk = load<typeof import('./traces/sdk.ts')>('sdk').startSdk({
    config,
    attributes,
    contextManager,
    propagator: propagation().textMap,
    spans: delivery.spans,
    metricExporter: delivery.metrics,
    official,
  });
  startObservations();
  const armed = armAll(sensorsOf(config), standAside(config.instrumentations, official));
  enableOfficial(official);
  if (config.debug) tellArmed(armed.report());
  enterInheritedContext();
  startSinks(printersOf(config), delivery.logs === undefined ? [] : [delivery.logs]);
  return run({ config, sdk, delivery, armed, official });
}

function sensorsOf(config: Config): Sensors {
  return {
    config,
    tracer: trace.getTracer('sonde', VERSION),
    meter: metrics.getMeter('sonde', VERSION),
  };
}

/** Official package to the instrumentation of Sonde's that sees the same calls. */
const twins: Readonly<Record<string, string>> = {
  '@opentelemetry/instrumentation-http': 'http',
  '@opentelemetry/instrumentation-undici': 'undici',
  '@opentelemetry/instrumentation-pg': 'pg',
};

/** One span an operation: who passes an official instrumentation wants its options, so Sonde's own gives way. */
function standAside(
  selection: Config['instrumentations'],
  official: OfficialParts,
): Config['instrumentations'] {
  const names = (official.instrumentations ?? []).map(({ instrumentationName }) => instrumentationName);
  const aside = names.flatMap((name) => twins[name] ?? []);
  if (aside.length === 0) return selection;
  diagnostics.info(`Sonde's own ${aside.join(', ')} stands aside for ${names.join(', ')}.`);
  return { ...selection, disabled: [...selection.disabled, ...aside] };
}

function enableOfficial({ instrumentations = [] }: OfficialParts): void {
  for (const instrumentation of instrumentations) {
    instrumentation.setTracerProvider(trace.getTracerProvider());
    instrumentation.setMeterProvider(metrics.getMeterProvider());
    instrumentation.setLoggerProvider?.(logs.getLoggerProvider());
    instrumentation.enable();
  }
}

function tellArmed({ armed, patched, missed }: ArmedReport): void {
  const list = (names: readonly string[]) => names.join(', ') || 'none';
  diagnostics.info(
    `Armed: ${list(armed)}. Patched so far: ${list(patched.map(({ specifier }) => specifier))}. ` +
      `Missed: ${list(missed.map(({ name, reason }) => `${name} (${reason})`))}.`,
  );
}

interface Layers {
  readonly config: Config;
  readonly sdk: RunningSdk;
  readonly delivery: Delivery;
  readonly armed: Armed;
  readonly official: OfficialParts;
}

function run({ config, sdk, delivery, armed, official }: Layers): Sonde {
  let mode: Status['mode'] = 'running';
  const flush = () => Promise.allSettled([sdk.forceFlush(), delivery.forceFlush()]);
  // Half of the time for what is collected only now, the other half for one last attempt at what is left.
  const end = async (timeoutMillis: number) => {
    await within(timeoutMillis / 2, flush());
    await delivery.shutdown(timeoutMillis / 2);
  };
  const unwatch = watchEnds({
    flush,
    waiting: () => delivery.waiting(),
    end,
    abandon: () => delivery.abandon(),
    timeoutMillis: defaultTimeoutMillis,
  });
  return handle({
    mode: () => mode,
    report: () => armed.report(),
    flush,
    async stop(timeoutMillis) {
      mode = 'off';
      unwatch();
      armed.disarm();
      for (const instrumentation of official.instrumentations ?? []) instrumentation.disable();
      await end(timeoutMillis);
      startSinks(printersOf(config), []);
      for (const api of [trace, metrics, context, propagationApi, logs]) api.disable();
      await sdk.shutdown().catch(() => undefined);
      state.sonde = undefined;
    },
  });
}

interface Workings {
  mode(): Status['mode'];
  report(): ArmedReport;
  flush(): Promise<unknown>;
  stop(timeoutMillis: number): Promise<void>;
}

const longestTimer = 2 ** 31 - 1;

function millisOf(options: EndOptions | undefined): number {
  try {
    const millis = options?.timeoutMillis;
    return typeof millis === 'number' && millis >= 0 ? Math.min(millis, longestTimer) : defaultTimeoutMillis;
  } catch {
    return defaultTimeoutMillis;
  }
}

/** What the app holds: nothing in it throws or rejects, and every wait has an end. */
function handle({ mode, report, flush, stop }: Workings): Sonde {
  let stopping: Promise<void> | undefined;
  const sonde: Sonde = {
    forceFlush: (options) => within(millisOf(options), flush()),
    shutdown(options) {
      const timeoutMillis = millisOf(options);
      stopping ??= within(timeoutMillis, stop(timeoutMillis));
      return stopping;
    },
    status() {
      const { armed, patched, missed } = report();
      return {
        version: VERSION,
        mode: mode(),
        instrumentations: {
          armed,
          patched: patched.map(({ specifier, version }) => `${specifier} ${version ?? ''}`.trim()),
          missed: missed.map(({ name, reason }) => `${name}: ${reason}`),
        },
        counters: Object.fromEntries(diagnostics.counters()),
      };
    },
    [Symbol.asyncDispose]: () => sonde.shutdown(),
  };
  return sonde;
}
