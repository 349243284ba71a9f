/** The public API. A second copy of this major in the process hands out the functions of the first. */
import { type Core, core } from './core.ts';

export type { AttributeValue, Config, LogsOptions, Options } from './config/config.ts';
export type { ConfigFile } from './config/file.ts';
export type { Attributes } from './context/correlation.ts';
export { SondeError, type SondeErrorCode } from './errors.ts';
export type { Closable, GracefulShutdownOptions } from './graceful-shutdown.ts';
export type {
  CheckFunction,
  CheckOptions,
  Health,
  HealthServeOptions,
  HealthServer,
  HealthShape,
  HealthShapeOptions,
} from './health/health.ts';
export type { EventFunction } from './logs/define-event.ts';
export type { DictConfig } from './logs/dict-config.ts';
export type { Filter, Formatter } from './logs/handler.ts';
export type { Level } from './logs/levels.ts';
export type { Fields, LazyFields, Logger, LogMethod } from './logs/logger.ts';
export type { HandlerOptions, LoggerOptions, LogsModel } from './logs/model.ts';
export type { EventProcessor, LogEvent, Processors } from './logs/processors.ts';
export type { Bindable, BoundCounter, BoundRecorder } from './metrics/bound.ts';
export type { Metrics, MountOptions } from './metrics/mount.ts';
export type { OfficialParts } from './official.ts';
export type { PoolKind } from './pools.ts';
export type { Mask } from './processing/masks.ts';
export type { EndOptions, InitOptions, Sonde, Status } from './sonde.ts';
export type { WrapHandlerOptions } from './traces/handler.ts';
export type { JobOptions } from './traces/job.ts';
export type { SamplingRule } from './traces/sampling-rule.ts';

export const addContext: Core['addContext'] = core.addContext;
export const annotate: Core['annotate'] = core.annotate;
export const audit: Core['audit'] = core.audit;
export const correlationId: Core['correlationId'] = core.correlationId;
export const counter: Core['counter'] = core.counter;
export const currentSpan: Core['currentSpan'] = core.currentSpan;
export const defineConfig: Core['defineConfig'] = core.defineConfig;
export const defineEvent: Core['defineEvent'] = core.defineEvent;
export const detached: Core['detached'] = core.detached;
export const dictConfig: Core['dictConfig'] = core.dictConfig;
export const extract: Core['extract'] = core.extract;
export const gauge: Core['gauge'] = core.gauge;
export const getLogger: Core['getLogger'] = core.getLogger;
export const gracefulShutdown: Core['gracefulShutdown'] = core.gracefulShutdown;
export const health: Core['health'] = core.health;
export const histogram: Core['histogram'] = core.histogram;
export const init: Core['init'] = core.init;
export const inject: Core['inject'] = core.inject;
export const keepContext: Core['keepContext'] = core.keepContext;
export const keepTrace: Core['keepTrace'] = core.keepTrace;
export const mask: Core['mask'] = core.mask;
export const metrics: Core['metrics'] = core.metrics;
export const observe: Core['observe'] = core.observe;
export const processors: Core['processors'] = core.processors;
export const runJob: Core['runJob'] = core.runJob;
export const security: Core['security'] = core.security;
export const setLevel: Core['setLevel'] = core.setLevel;
export const withContext: Core['withContext'] = core.withContext;
export const withSpan: Core['withSpan'] = core.withSpan;
export const wrapHandler: Core['wrapHandler'] = core.wrapHandler;
export const wrapJob: Core['wrapJob'] = core.wrapJob;
