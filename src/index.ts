/** The public API. A second copy of this major in the process hands out the functions of the first. */
import { defineConfig as ownDefineConfig } from './config/file.ts';
import {
  addContext as ownAddContext,
  correlationId as ownCorrelationId,
  detached as ownDetached,
  extract as ownExtract,
  inject as ownInject,
  keepContext as ownKeepContext,
  withContext as ownWithContext,
} from './context/unit.ts';
import { init as ownInit } from './init.ts';
import { getLogger as ownGetLogger, setLevel as ownSetLevel } from './logs/logger.ts';
import {
  counter as ownCounter,
  gauge as ownGauge,
  histogram as ownHistogram,
  observe as ownObserve,
} from './metrics/instruments.ts';
import { shared } from './slot.ts';
import { currentSpan as ownCurrentSpan, withSpan as ownWithSpan } from './traces/with-span.ts';

const own = {
  addContext: ownAddContext,
  correlationId: ownCorrelationId,
  counter: ownCounter,
  currentSpan: ownCurrentSpan,
  defineConfig: ownDefineConfig,
  detached: ownDetached,
  extract: ownExtract,
  gauge: ownGauge,
  getLogger: ownGetLogger,
  histogram: ownHistogram,
  init: ownInit,
  inject: ownInject,
  keepContext: ownKeepContext,
  observe: ownObserve,
  setLevel: ownSetLevel,
  withContext: ownWithContext,
  withSpan: ownWithSpan,
};

const core: typeof own = { ...own, ...shared('core', () => own) };

export type { AttributeValue, Config, Options } from './config/config.ts';
export type { Attributes } from './context/correlation.ts';
export { SondeError, type SondeErrorCode } from './errors.ts';
export type { Level } from './logs/levels.ts';
export type { Fields, LazyFields, Logger, LogMethod } from './logs/logger.ts';
export type { OfficialParts } from './official.ts';
export type { EndOptions, InitOptions, Sonde, Status } from './sonde.ts';

export const addContext: typeof ownAddContext = core.addContext;
export const correlationId: typeof ownCorrelationId = core.correlationId;
export const counter: typeof ownCounter = core.counter;
export const currentSpan: typeof ownCurrentSpan = core.currentSpan;
export const defineConfig: typeof ownDefineConfig = core.defineConfig;
export const detached: typeof ownDetached = core.detached;
export const extract: typeof ownExtract = core.extract;
export const gauge: typeof ownGauge = core.gauge;
export const getLogger: typeof ownGetLogger = core.getLogger;
export const histogram: typeof ownHistogram = core.histogram;
export const init: typeof ownInit = core.init;
export const inject: typeof ownInject = core.inject;
export const keepContext: typeof ownKeepContext = core.keepContext;
export const observe: typeof ownObserve = core.observe;
export const setLevel: typeof ownSetLevel = core.setLevel;
export const withContext: typeof ownWithContext = core.withContext;
export const withSpan: typeof ownWithSpan = core.withSpan;
