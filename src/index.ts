/** The public API. A second copy of this major in the process hands out the functions of the first. */
import { type Core, core } from './core.ts';

export type { AttributeValue, Config, Options } from './config/config.ts';
export type { Attributes } from './context/correlation.ts';
export { SondeError, type SondeErrorCode } from './errors.ts';
export type { DictConfig, DictLogger } from './logs/dict-config.ts';
export type { Level } from './logs/levels.ts';
export type { Fields, LazyFields, Logger, LogMethod } from './logs/logger.ts';
export type { OfficialParts } from './official.ts';
export type { EndOptions, InitOptions, Sonde, Status } from './sonde.ts';

export const addContext: Core['addContext'] = core.addContext;
export const correlationId: Core['correlationId'] = core.correlationId;
export const counter: Core['counter'] = core.counter;
export const currentSpan: Core['currentSpan'] = core.currentSpan;
export const defineConfig: Core['defineConfig'] = core.defineConfig;
export const detached: Core['detached'] = core.detached;
export const dictConfig: Core['dictConfig'] = core.dictConfig;
export const extract: Core['extract'] = core.extract;
export const gauge: Core['gauge'] = core.gauge;
export const getLogger: Core['getLogger'] = core.getLogger;
export const histogram: Core['histogram'] = core.histogram;
export const init: Core['init'] = core.init;
export const inject: Core['inject'] = core.inject;
export const keepContext: Core['keepContext'] = core.keepContext;
export const observe: Core['observe'] = core.observe;
export const setLevel: Core['setLevel'] = core.setLevel;
export const withContext: Core['withContext'] = core.withContext;
export const withSpan: Core['withSpan'] = core.withSpan;
