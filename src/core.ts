/** What the doors hand out: the functions of the first copy of this major in the process, whichever folder it is in. */
import { defineConfig } from './config/file.ts';
import {
  addContext,
  annotate,
  correlationId,
  detached,
  extract,
  inject,
  keepContext,
  withContext,
} from './context/unit.ts';
import { gracefulShutdown } from './graceful-shutdown.ts';
import { health } from './health/health.ts';
import { dictConfig, init } from './init.ts';
import { defineEvent } from './logs/define-event.ts';
import { getLogger, setLevel } from './logs/logger.ts';
import { processors } from './logs/processors.ts';
import { audit, security } from './logs/security.ts';
import { counter, gauge, histogram, observe } from './metrics/instruments.ts';
import { metrics } from './metrics/mount.ts';
import { mask } from './processing/masks.ts';
import { followOtherMajor } from './registry.ts';
import { shared } from './slot.ts';
import { wrapHandler } from './traces/handler.ts';
import { runJob, wrapJob } from './traces/job.ts';
import { keepTrace } from './traces/keep-trace.ts';
import { currentSpan, withSpan } from './traces/with-span.ts';

/** Everything of the public API that is no type. */
export interface Core {
  readonly addContext: typeof addContext;
  readonly annotate: typeof annotate;
  readonly audit: typeof audit;
  readonly correlationId: typeof correlationId;
  readonly counter: typeof counter;
  readonly currentSpan: typeof currentSpan;
  readonly defineConfig: typeof defineConfig;
  readonly defineEvent: typeof defineEvent;
  readonly detached: typeof detached;
  readonly dictConfig: typeof dictConfig;
  readonly extract: typeof extract;
  readonly gauge: typeof gauge;
  readonly getLogger: typeof getLogger;
  readonly gracefulShutdown: typeof gracefulShutdown;
  readonly health: typeof health;
  readonly histogram: typeof histogram;
  readonly init: typeof init;
  readonly inject: typeof inject;
  readonly keepContext: typeof keepContext;
  readonly keepTrace: typeof keepTrace;
  readonly mask: typeof mask;
  readonly metrics: typeof metrics;
  readonly observe: typeof observe;
  readonly processors: typeof processors;
  readonly runJob: typeof runJob;
  readonly security: typeof security;
  readonly setLevel: typeof setLevel;
  readonly withContext: typeof withContext;
  readonly withSpan: typeof withSpan;
  readonly wrapHandler: typeof wrapHandler;
  readonly wrapJob: typeof wrapJob;
}

const own: Core = {
  addContext,
  annotate,
  audit,
  correlationId,
  counter,
  currentSpan,
  defineConfig,
  defineEvent,
  detached,
  dictConfig,
  extract,
  gauge,
  getLogger,
  gracefulShutdown,
  health,
  histogram,
  init,
  inject,
  keepContext,
  keepTrace,
  mask,
  metrics,
  observe,
  processors,
  runJob,
  security,
  setLevel,
  withContext,
  withSpan,
  wrapHandler,
  wrapJob,
};

/** A newer copy adds what the first does not know. */
export const core: Core = { ...own, ...shared<Core>('core', () => own) };

followOtherMajor();
