/** Puts what a configuration says of log records in force, and again when its file says something else. */
import { type Config, defaults } from '../config/config.ts';
import { nameDeployment } from '../config/deployment.ts';
import { isAlerting, modelOf } from '../config/logs-model.ts';
import { type Resolution, sourceOf } from '../config/resolve.ts';
import { diagnostics, type Voice } from '../diagnostics.ts';
import { SondeError } from '../errors.ts';
import { load } from '../load.ts';
import { shared } from '../slot.ts';
import type { DictConfig } from './dict-config.ts';
import type { DestinationMakers } from './dict-destinations.ts';
import type { Registry } from './dict-parts.ts';
import { startSinks } from './early.ts';
import { lineFormat } from './format.ts';
import type { Destination } from './handler.ts';
import { severity, spellForFormat } from './levels.ts';
import { lineStream } from './line-stream.ts';
import { closeDestinations, keepPrintersOpen, keepWatchersOpen } from './open-destinations.ts';
import { formatOptions } from './own-format.ts';
import { addWatcher, type Processor, setPrinters, setProcessors } from './pipeline.ts';
import { type RateLimit, rateLimit } from './rate-limit.ts';
import type { Sink } from './record.ts';
import { parseLevels, setLevel, setLevels } from './tree.ts';
import { diagnosticsVoice, voiceLogger } from './voice.ts';

interface Installed {
  config: Config;
  /** The app has said by `dictConfig` where its records go: no file may say it otherwise. */
  isDictated: boolean;
  /** How loud Sonde's own words are, if somebody has said so. */
  voiceLevel: string | undefined;
  limit: RateLimit | undefined;
  unwatch(): void;
  untrack(): void;
}

const installed = shared<Installed>('logs.installed', () => ({
  ...{ config: defaults, isDictated: false, voiceLevel: undefined, limit: undefined },
  unwatch: () => undefined,
  untrack: () => undefined,
}));

/** The configuration in force; the defaults before `init`. */
export function configInForce(): Config {
  return installed.config;
}

/**
 * Levels, processors and handlers of the configuration, and the voice; the sinks come with `startSinks`. Throws for
 * what is wrong in code, with the configuration before in force; what is wrong in the file is said, and left out.
 */
export function installLogs(config: Config, makers: DestinationMakers): void {
  const before = installed.config;
  const isVoiceSet = sourceOf(config, 'diagnostics.level') !== 'default';
  installed.voiceLevel = isVoiceSet ? config.diagnostics.level : undefined;
  installed.config = config;
  nameDeployment(config.resource['deployment.environment.name']);
  putSettings(config);
  try {
    putModel(config, makers);
  } catch (error) {
    installed.config = before;
    if (!(error instanceof SondeError) || !isFromFile(config)) throw error;
    diagnostics.warn('SONDE_ERR_CONFIG_FILE', `${error.message} Nothing of handlers and loggers is used.`);
    installed.config = withoutModel(config);
  }
}

/** The app's own dictionary, in place of any model. */
export function installDict(dict: DictConfig, registry: Registry, makers: DestinationMakers): void {
  load<typeof import('./dict-config.ts')>('dict').applyDict(dict, registry, makers);
  installed.isDictated = true;
}

/** Says what was left out by a rate and is not said yet. */
export function tellLeftOut(): void {
  installed.limit?.tell();
}

/** From now on errors are events, too, as long as logs are kept at all. */
export function trackErrors(destination: Destination): void {
  keepWatchersOpen([destination]);
  installed.untrack = addWatcher(errorsOnly(toSink(destination)));
}

/** What is left is a logger on the console. */
export function uninstallLogs(makers: DestinationMakers): void {
  installed.unwatch();
  installed.untrack();
  closeDestinations();
  startSinks(consoleOf(makers), []);
}

function isFromFile(config: Config): boolean {
  const sections = ['formatters', 'filters', 'handlers', 'loggers', 'root'];
  return sections.some((name) => sourceOf(config, `logs.${name}`)?.includes('file '));
}

function withoutModel(config: Config): Config {
  const none = { formatters: {}, filters: {}, handlers: {}, loggers: {}, root: {} };
  return Object.freeze({ ...config, logs: { ...config.logs, ...none } });
}

/** What of a configuration cannot be wrong. */
function putSettings(config: Config): void {
  setLevels(parseLevels(config.logs.level));
  // Who only said how much the app logs has said nothing about Sonde's own words.
  if (installed.voiceLevel !== undefined) setLevel(voiceLogger, installed.voiceLevel);
  spellForFormat(config.logs.format);
  diagnostics.speakThrough(voiceOf(config));
  const { processors } = config.logs;
  const part = () => load<typeof import('./processor-parts.ts')>('processors');
  const events = processors.length === 0 ? [] : [part().throughEvents(processors)];
  setProcessors([...limitOf(config), ...events]);
}

/** First of all processors: what is left out need not be processed. */
function limitOf({ logs }: Config): Processor[] {
  installed.limit?.tell();
  installed.limit = logs.rate === undefined ? undefined : rateLimit(logs.rate);
  return installed.limit === undefined ? [] : [installed.limit.process];
}

/** What the configuration says of handlers and loggers; nothing where there was nothing before either. */
function putModel(config: Config, makers: DestinationMakers, before?: Config): void {
  const model = modelOf(config) ?? (before && modelOf(before) && {});
  if (model === undefined) return;
  load<typeof import('./dict-config.ts')>('dict').applyModel(model, makers);
  installed.isDictated = false;
}

function voiceOf(config: Config): Voice {
  const log = lineStream('stdout');
  return diagnosticsVoice({
    format: lineFormat(config.logs.format, log.isTerminal, formatOptions(config)),
    log: config.logs.console === 'off' ? undefined : log,
  });
}

function consoleOf(makers: DestinationMakers): Sink[] {
  return installed.config.logs.console === 'off' ? [] : [makers.console('stdout').write];
}

/** What stands in the place of the root's handlers; where the root has some, they have file and alerts themselves. */
export function printersOf(makers: DestinationMakers): Sink[] {
  const isRouted = modelOf(installed.config)?.root?.handlers !== undefined;
  const files = isRouted ? [] : filesOf(makers);
  const alerts = isRouted || !isAlerting(installed.config) ? [] : [makers.alerts({})];
  keepPrintersOpen([...files, ...alerts]);
  return [...consoleOf(makers), ...files.map(toSink), ...alerts.map((mail) => errorsOnly(toSink(mail)))];
}

/** The place of the app's history; people read the console, so `auto` is JSON here. */
function filesOf(makers: DestinationMakers): Destination[] {
  const { path, maxBytes, backups } = installed.config.logs.file;
  return path === undefined ? [] : [makers.file({ path, maxBytes, backupCount: backups })];
}

function toSink(destination: Destination): Sink {
  return (record) => destination.write(record);
}

function errorsOnly(sink: Sink): Sink {
  return (record) => {
    if (record.severityNumber >= severity.ERROR) sink(record);
  };
}

/**
 * From now on what the file says of log records is put in force whenever it says something else.
 *
 * @param resolve lays the configuration again, with what the file gives now
 */
export function followFile(
  file: string,
  resolve: (load: () => unknown) => Resolution,
  makers: DestinationMakers,
): void {
  installed.unwatch = load<typeof import('../config/watch.ts')>('watch').watchConfiguration({
    ...{ file, signal: installed.config.reloadSignal },
    onChange: (load) => reload(file, () => resolve(load), makers),
  });
}

/** A file that is broken changes nothing: what was in force is better than nothing. */
function reload(file: string, resolve: () => Resolution, makers: DestinationMakers): void {
  const { config } = installed;
  try {
    const { config: fresh, problems } = resolve();
    const problem = problems.find(({ code }) => code === 'SONDE_ERR_CONFIG_FILE');
    if (problem !== undefined) throw new Error(problem.message.replace(/; (?:using|nothing of it) .*$/, '.'));
    installed.config = Object.freeze({ ...config, logs: fresh.logs });
    if (!installed.isDictated) putModel(installed.config, makers, config);
    putSettings(installed.config);
    setPrinters(printersOf(makers));
    diagnostics.info(`${file} was read again: what it says of logs holds from now on.`);
  } catch (error) {
    installed.config = config;
    diagnostics.count('config.reload_errors');
    const reason = (error as Error).message;
    diagnostics.warn('SONDE_ERR_CONFIG_FILE', `${reason} The configuration before stays in force.`);
  }
}
