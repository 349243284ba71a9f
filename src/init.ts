/** Composition root: from a configuration to a running Sonde. The only file that knows every layer. */
import { context, logs, type Meter, metrics, propagation as propagationApi, trace } from '@opentelemetry/api';
import type { AlertDestinationOptions } from '../exporters/alert.ts';
import { consoleSink } from '../exporters/console.ts';
import { type Delivery, startDelivery } from '../exporters/otlp/delivery.ts';
import type { OtlpLines } from '../exporters/otlp/lines.ts';
import { witnessRequests } from '../instrumentation/access-witness.ts';
import type { Armed, ArmedReport } from '../instrumentation/hook.ts';
import { armAll, onDemand } from '../instrumentation/index.ts';
import type { AttributeValue, Config } from './config/config.ts';
import { environment } from './config/env.ts';
import { resolveConfig } from './config/resolve.ts';
import { announceResource, resourceAttributes } from './config/resource.ts';
import { contextManager } from './context/context.ts';
import { enterInheritedContext } from './context/inherited.ts';
import { createPropagation, propagation, usePropagation } from './context/propagation.ts';
import { reportDelivery } from './delivery/self-metrics.ts';
import { scales } from './delivery/volume.ts';
import { diagnostics } from './diagnostics.ts';
import { useFreezer } from './freezer.ts';
import type { Sensors } from './instrumentation.ts';
import { watchEnds, watchNaturalEnd, within } from './lifecycle.ts';
import { load } from './load.ts';
import { apiLoggerProvider } from './logs/api-provider.ts';
import { useBreadcrumbs } from './logs/breadcrumbs.ts';
import type { DictConfig } from './logs/dict-config.ts';
import type { DestinationMakers } from './logs/dict-destinations.ts';
import type { Registry } from './logs/dict-parts.ts';
import { startSinks } from './logs/early.ts';
import {
  configInForce,
  followFile,
  installDict,
  installLogs,
  printersOf,
  tellLeftOut,
  trackErrors,
  uninstallLogs,
} from './logs/installation.ts';
import { lineStream } from './logs/line-stream.ts';
import { flushDestinations, hasDestinations } from './logs/open-destinations.ts';
import { formatOptions, ownFormat, rendered, toLine } from './logs/own-format.ts';
import { createdRecords } from './logs/pipeline.ts';
import { watchUncaught } from './logs/uncaught.ts';
import { startObservations } from './metrics/instruments.ts';
import { metricsPage, offerPage, withdrawPage } from './metrics/page.ts';
import type { OfficialInstrumentation, OfficialParts } from './official.ts';
import { tryInstrumentation } from './official-guard.ts';
import { overhead, reportOverhead } from './overhead.ts';
import { redactAttributes, useRedaction } from './processing/redact.ts';
import { becomeReady, stopBeingReady } from './readiness.ts';
import { claimRegistry, followHolder, heldGlobals } from './registry.ts';
import { shared } from './slot.ts';
import type { DeliveryState, EndOptions, InitOptions, Sonde, Status } from './sonde.ts';
import { isMainThread } from './threads.ts';
import { reportSpans } from './traces/census.ts';
import type { RunningSdk } from './traces/sdk.ts';
import { watched } from './traces/watched.ts';
import { VERSION } from './version.ts';

const defaultTimeoutMillis = 2_000;

interface Running {
  sonde: Sonde | undefined;
  closeAdmin: (() => void) | undefined;
}

const state = shared<Running>('running', () => ({ sonde: undefined, closeAdmin: undefined }));

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

/** The heavy ones are read when a handler first asks for them. */
const makers: DestinationMakers = {
  console(stream, format = ownFormat(configInForce(), lineStream(stream).isTerminal)) {
    return { write: consoleSink({ stream, format, ...formatOptions(configInForce()) }) };
  },
  file(options, named = ownFormat(configInForce(), false)) {
    const format = toLine(configInForce(), named);
    return load<typeof import('../exporters/file.ts')>('file').fileDestination({ ...options, format });
  },
  memory: (options) => load<typeof import('../exporters/memory.ts')>('memory').memoryDestination(options),
  recorder(options) {
    return load<typeof import('../exporters/flight-recorder.ts')>('recorder').flightRecorder(options);
  },
  alerts(options) {
    return load<typeof import('../exporters/alert.ts')>('alert').alertDestination(options, alertSettings);
  },
  http(options, format = rendered(configInForce(), toLine(configInForce(), 'json'))) {
    return load<typeof import('../exporters/http-log.ts')>('http').httpLogDestination({ ...options, format });
  },
};

/** What handlers leave open. Asked with the first alert, too: a `dictConfig` may come before `init`. */
function alertSettings(): AlertDestinationOptions {
  const { alerts, service, resource } = configInForce();
  const environment = resource['deployment.environment.name'];
  return {
    ...alerts,
    service: { ...service, environment: environment === undefined ? undefined : String(environment) },
  };
}

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
  installDict(dict, registry, makers);
  if (state.sonde === undefined) flushAtNaturalEnd();
}

/** Error events beside what OTLP sends (A60). A wrong DSN is said, and stops nothing. */
function followErrors({ errors, service, resource, disabled }: Config): void {
  const { dsn } = errors;
  if (dsn === undefined || disabled) return;
  const { sentryDestination } = load<typeof import('../exporters/sentry.ts')>('sentry');
  const environment = resource['deployment.environment.name'];
  try {
    trackErrors(
      sentryDestination({
        ...{ ...errors, dsn, release: service.version },
        environment: environment === undefined ? undefined : String(environment),
      }),
    );
  } catch (error) {
    diagnostics.warn('SONDE_ERR_OPTION', (error as Error).message);
  }
}

function start({ sdk = {}, ...options }: InitOptions): Sonde {
  const env = environment();
  const { config, problems, file } = resolveConfig(options, env);
  useRedaction(config.privacy);
  useBreadcrumbs(config.logs.breadcrumbs);
  announceResource(() => redactAttributes(resourceAttributes(config)));
  installLogs(config, makers);
  followErrors(config);
  becomeReady();
  if (config.health.at === 'app') load<typeof import('./health/probes.ts')>('health').answerOnAppServers();
  const sonde = config.disabled || !isSupportedNode() ? loggerOnly('off') : tryBegin(config, sdk);
  openAdmin(config, sonde);
  if (options.profilesSampleRate) {
    const message = 'profilesSampleRate has no effect: starting a CPU profile stops the process for 20 ms.';
    diagnostics.warn('SONDE_ERR_OPTION', message);
  }
  if (!config.privacy.redact)
    diagnostics.warn('SONDE_ERR_REDACT_OFF', 'Redaction is off: secrets leave the process as they are.');
  for (const { level, code, message } of problems) {
    if (level === 'warn') diagnostics.warn(code, message);
    else diagnostics.debug(message);
  }
  if (file !== undefined) followFile(file, (load) => resolveConfig(options, env, load), makers);
  return sonde;
}

/** In every mode, since probes come in every mode; not in a worker thread, which its main thread answers for. */
function openAdmin(config: Config, sonde: Sonde): void {
  state.closeAdmin?.();
  state.closeAdmin = undefined;
  if (config.admin.port === undefined || !isMainThread()) return;
  const { openAdmin: open } = load<typeof import('./admin/admin.ts')>('admin');
  const server = open(config, () => sonde.status());
  state.closeAdmin = () => server.close();
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

const nothing: ArmedReport = { armed: [], patched: [], missed: [] };

/** A logger on the console and nothing else: nothing to deliver, nothing to undo. */
function loggerOnly(mode: Status['mode'], stop = (): void => {}): Sonde {
  startSinks(printersOf(makers), []);
  flushAtNaturalEnd();
  process.once('exit', tellLeftOut);
  return handle({
    ...{ mode: () => mode, report: () => nothing, flush: flushDestinations },
    async stop() {
      stop();
      await flushDestinations();
      uninstallLogs(makers);
    },
  });
}

/** Where nobody listens for the end: some destinations send later than they take. */
function flushAtNaturalEnd(): void {
  if (!hasDestinations()) return;
  shared('logs.natural-end', () =>
    watchNaturalEnd({
      ...{ flush: flushDestinations, end: flushDestinations, timeoutMillis: defaultTimeoutMillis },
      ...{ waiting: () => 0, abandon: () => undefined },
    }),
  );
}

/** Another SDK was first: its context and its tracer are used, so that Sonde's lines carry its ids. */
function beGuest(config: Config): Sonde {
  followHolder();
  return loggerOnly('guest', witnessRequests(config));
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
    return loggerOnly('off');
  }
}

function begin(config: Config, official: OfficialParts): Sonde {
  usePropagation(createPropagation(config));
  if (heldGlobals().some((name) => name !== 'logs')) return beGuest(config);
  claimRegistry();
  const resource = resourceOf(config);
  const delivery = startDelivery({
    config,
    get attributes() {
      return resource.attributes;
    },
    loadEncoding: () => load('encoding'),
    loadOtlp: () => load('otlp'),
    loadGrpc: () => load('grpc'),
    loadSpool: () => load('spool'),
    loadLastPost: () => load('lastPost'),
  });
  logs.setGlobalLoggerProvider(apiLoggerProvider as never);
  const lines = linesOf(config, resource);
  const sdk = load<typeof import('./traces/sdk.ts')>('sdk').startSdk({
    config,
    resource,
    contextManager,
    propagator: propagation().textMap,
    spans: delivery.spans,
    metricExporter: delivery.metrics,
    lines,
    official,
  });
  startObservations();
  reportOwn(metrics.getMeter('sonde', VERSION), delivery);
  servePage(config, sdk);
  const armed = armAll(sensorsOf(config), enableOfficial(official));
  if (config.debug) tellArmed(armed.report(), onDemand(config));
  enterInheritedContext();
  const sinks = [delivery.logs, lines?.logs].filter((sink) => sink !== undefined);
  startSinks(printersOf(makers), sdk.tail?.sinks(sinks) ?? sinks);
  return run({ config, sdk, delivery, lines, armed, official });
}

interface SentResource {
  readonly attributes: Record<string, AttributeValue>;
}

/** Looked through for secrets when the first thing is sent: a tenth of the start would go there. */
function resourceOf(config: Config): SentResource {
  const given = resourceAttributes(config);
  let attributes: SentResource['attributes'] | undefined;
  return {
    get attributes() {
      attributes ??= redactAttributes(given);
      return attributes;
    },
  };
}

/** Read only where a signal goes out in lines. */
function linesOf(config: Config, resource: SentResource): OtlpLines | undefined {
  const names = [config.traces, config.metrics, config.logs].flatMap(({ exporters }) => exporters);
  if (!names.includes('otlp/stdout') && !names.includes('otlp_file')) return undefined;
  return load<typeof import('../exporters/otlp/lines.ts')>('otlpLines').otlpLines(
    config,
    resource.attributes,
  );
}

/** What Sonde says of itself by metrics. */
function reportOwn(meter: Meter, { reported }: Delivery): void {
  reportSpans(meter);
  reportOverhead(meter);
  meter
    .createObservableCounter('otel.sdk.log.created', { unit: '{log_record}' })
    .addCallback((result) => result.observe(createdRecords()));
  reportDelivery(meter, reported);
}

/** Who asks for the page later, by `metrics.mount`, opens it then. */
function servePage(config: Config, { addReader }: RunningSdk): void {
  offerPage(() =>
    load<typeof import('../exporters/prometheus/prometheus.ts')>('prometheus').openPage({
      config: config.metrics,
      addReader,
    }),
  );
  if (config.metrics.exporters.includes('prometheus')) metricsPage();
}

function sensorsOf(config: Config): Sensors {
  return {
    config,
    tracer: trace.getTracer('sonde', VERSION),
    meter: metrics.getMeter('sonde', VERSION),
  };
}

function enableOfficial({ instrumentations = [] }: OfficialParts): readonly OfficialInstrumentation[] {
  for (const instrumentation of instrumentations) {
    tryInstrumentation(instrumentation, 'enable', () => {
      instrumentation.setTracerProvider(trace.getTracerProvider());
      instrumentation.setMeterProvider(metrics.getMeterProvider());
      instrumentation.setLoggerProvider?.(logs.getLoggerProvider());
      instrumentation.enable();
    });
  }
  return instrumentations;
}

function disableOfficial({ instrumentations = [] }: OfficialParts): void {
  for (const each of instrumentations) tryInstrumentation(each, 'disable', () => each.disable());
}

function tellArmed({ armed, patched, missed }: ArmedReport, tail: readonly string[]): void {
  const list = (names: readonly string[]) => names.join(', ') || 'none';
  diagnostics.info(
    `Armed: ${list(armed)}. Patched so far: ${list(patched.map(({ specifier }) => specifier))}. ` +
      `On demand: ${list(tail)}. ` +
      `Missed: ${list(missed.map(({ name, reason }) => `${name} (${reason})`))}.`,
  );
}

interface Layers {
  readonly config: Config;
  readonly sdk: RunningSdk;
  readonly delivery: Delivery;
  readonly lines: OtlpLines | undefined;
  readonly armed: Armed;
  readonly official: OfficialParts;
}

function run({ config, sdk, delivery, lines, armed, official }: Layers): Sonde {
  let mode: Status['mode'] = 'running';
  const flush = () => {
    tellLeftOut();
    const settled = [sdk.forceFlush(), delivery.forceFlush(), flushDestinations(), lines?.flush()];
    return Promise.allSettled(settled);
  };
  // Half of the time for what is collected only now, the other half for one last attempt at what is left. A tenth is
  // kept back: who exits as soon as the time is over has to find the losses counted, and said.
  const conclude = () => sdk.tail?.conclude();
  const end = async (timeoutMillis: number) => {
    conclude();
    const half = (timeoutMillis * 0.9) / 2;
    await within(half, flush());
    await delivery.shutdown(half);
    // A worker tells its siblings what it has counted; after a signal there is no `exit` to do it at.
    withdrawPage();
  };
  // Before the ends of the process: what is told here is queued when those look.
  const unwatchUncaught = watchUncaught();
  const unwatch = watchEnds({
    flush,
    conclude,
    waiting: () => delivery.waiting(),
    end,
    abandon(millis, isSudden) {
      conclude();
      tellLeftOut();
      if (isSudden && !delivery.isOver) sdk.collectLast();
      lines?.flushSync();
      delivery.abandon(millis);
    },
    timeoutMillis: defaultTimeoutMillis,
  });
  watched.lookAt = armed.lookAt;
  if (config.flushEach) {
    useFreezer({
      flush(millis) {
        conclude();
        return within(millis, flush());
      },
      queueUnfinished: () => sdk.queueUnfinished(),
    });
  }
  return handle({
    mode: () => mode,
    report: () => armed.report(),
    sampler: sdk.sampler,
    delivery: () => delivery.state(),
    tail: () => sdk.tail?.held(),
    flush,
    async stop(timeoutMillis) {
      mode = 'off';
      useFreezer(undefined);
      unwatch();
      unwatchUncaught();
      watched.lookAt = undefined;
      armed.disarm();
      withdrawPage();
      disableOfficial(official);
      await end(timeoutMillis);
      lines?.close();
      uninstallLogs(makers);
      for (const api of [trace, metrics, context, propagationApi, logs]) api.disable();
      // Before what may hang: another `init` may follow.
      state.sonde = undefined;
      await sdk.shutdown().catch(() => undefined);
    },
  });
}

interface Workings {
  mode(): Status['mode'];
  report(): ArmedReport;
  readonly sampler?: string;
  delivery?(): DeliveryState;
  tail?(): Status['tail'];
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
function handle({ mode, report, sampler, delivery, tail, flush, stop }: Workings): Sonde {
  let stopping: Promise<void> | undefined;
  const sonde: Sonde = {
    forceFlush: (options) => within(millisOf(options), flush()),
    shutdown(options) {
      stopBeingReady();
      const timeoutMillis = millisOf(options);
      stopping ??= within(timeoutMillis, stop(timeoutMillis)).finally(() => state.closeAdmin?.());
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
        sampler,
        delivery: delivery?.(),
        tail: tail?.(),
        volume: scales.volume(),
        overhead: { cpu: overhead() },
        counters: Object.fromEntries(diagnostics.counters()),
      };
    },
    [Symbol.asyncDispose]: () => sonde.shutdown(),
  };
  return sonde;
}
