/** The two doors of the logging model: Python's `dictConfig` (A10, A11), and `init` and its file (A12). */
import { advice } from '../config/nearest.ts';
import { diagnostics } from '../diagnostics.ts';
import { SondeError } from '../errors.ts';
import { compile } from './dict-compile.ts';
import type { DestinationMakers } from './dict-destinations.ts';
import { withDjangoLevel } from './dict-django-level.ts';
import { type Part, partOf, type Registry, sectionOf, WrongPart, wrong } from './dict-parts.ts';
import { type DictPrivacy, privacyOf, usePrivacy } from './dict-privacy.ts';
import { spellForDict } from './levels.ts';
import type { LogsModel } from './model.ts';
import { keepOpen } from './open-destinations.ts';
import { configureNodes, type NodeSettings, namedNodes, nodeName } from './tree.ts';
import { voiceLogger } from './voice.ts';

/** Python's logging configuration. Wrong names, classes and levels are told by their path. */
export interface DictConfig extends LogsModel {
  readonly version: number;
  /** Silences every logger that is there and not named here. False by default, unlike in Python (A11). */
  readonly disable_existing_loggers?: boolean;
  /** Added to the rules of privacy, those of `init` too. Not part of Python's. */
  readonly privacy?: DictPrivacy;
}

const modelSections = ['formatters', 'filters', 'handlers', 'loggers', 'root'];
const sections = ['version', 'disable_existing_loggers', 'incremental', 'privacy', ...modelSections];

/**
 * Puts a `dictConfig` in place of the model before; what it says nothing about stays as it is by default. Where it
 * names no level for `django` (or `sonde`), `DJANGO_LOG_LEVEL` does (A14).
 */
export function applyDict(dict: DictConfig, registry: Registry, makers: DestinationMakers): void {
  const { given, privacy } = saying('dictConfig: ', () => {
    const part = partOf(dict, 'the configuration');
    checkSections(part);
    return { given: part, privacy: privacyOf(part) };
  });
  spellForDict(apply('dictConfig: ', withDjangoLevel(given), registry, makers));
  usePrivacy(privacy);
  advise(given);
}

/** Puts the model of `init`, complete with its defaults, in place of the one before. */
export function applyModel(model: LogsModel, makers: DestinationMakers): void {
  const formats = apply('logs.', model as Part, {}, makers);
  spellForDict(formats.some((name) => name === 'structlog' || name === 'django') ? formats : undefined);
}

/** Gives back the names of the formats that are written. */
function apply(whose: string, given: Part, registry: Registry, makers: DestinationMakers): readonly string[] {
  const { settings, destinations, formats } = saying(whose, () => compile(given, registry, makers));
  if (given.disable_existing_loggers === true) disableOthers(settings);
  configureNodes(settings);
  keepOpen(destinations);
  return formats;
}

function saying<T>(whose: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof WrongPart)) throw error;
    throw new SondeError('SONDE_ERR_OPTION', `${whose}${error.message}`, error.cause);
  }
}

function checkSections(dict: Part): void {
  if (dict.version !== 1) throw wrong('version', 'is not 1, the only version there is.');
  for (const key of Object.keys(dict)) {
    if (!sections.includes(key)) throw wrong(key, `is no section${advice(key, sections)}`);
  }
  if (dict.incremental) throw wrong('incremental', 'is not supported; use setLevel() to change levels.');
}

/** As Python: what is there already and neither named nor below a name that is. Sonde's own voice stays. */
function disableOthers(settings: Map<string, NodeSettings>): void {
  const named = [...settings.keys()].filter((name) => name !== '');
  for (const { name } of namedNodes()) {
    const isKept = named.some((other) => name === other || name.startsWith(`${other}.`));
    if (!isKept && name !== voiceLogger) settings.set(name, { disabled: true });
  }
}

function advise(dict: Part): void {
  if (dict.disable_existing_loggers === undefined) {
    const told =
      'dictConfig: disable_existing_loggers is not given and false here; in Python it would be true.';
    diagnostics.infoOnce('logs.dict.disable_existing_loggers', told);
  }
  const names = sectionOf(dict, 'loggers').map(([name]) => name);
  const alias = names.find((name) => nodeName(name) !== name);
  if (alias === undefined) return;
  diagnostics.infoOnce(
    'logs.dict.alias',
    `dictConfig: logger ${alias} is ${nodeName(alias)} here: one node, two names.`,
  );
}
