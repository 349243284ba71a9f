/** What the doors hand out: the functions of the first copy of this major in the process, whichever folder it is in. */
import { defineConfig } from './config/file.ts';
import {
  addContext,
  correlationId,
  detached,
  extract,
  inject,
  keepContext,
  withContext,
} from './context/unit.ts';
import { dictConfig, init } from './init.ts';
import { getLogger, setLevel } from './logs/logger.ts';
import { counter, gauge, histogram, observe } from './metrics/instruments.ts';
import { followOtherMajor } from './registry.ts';
import { shared } from './slot.ts';
import { currentSpan, withSpan } from './traces/with-span.ts';

/** Every function of the public API. */
export interface Core {
  readonly addContext: typeof addContext;
  readonly correlationId: typeof correlationId;
  readonly counter: typeof counter;
  readonly currentSpan: typeof currentSpan;
  readonly defineConfig: typeof defineConfig;
  readonly detached: typeof detached;
  readonly dictConfig: typeof dictConfig;
  readonly extract: typeof extract;
  readonly gauge: typeof gauge;
  readonly getLogger: typeof getLogger;
  readonly histogram: typeof histogram;
  readonly init: typeof init;
  readonly inject: typeof inject;
  readonly keepContext: typeof keepContext;
  readonly observe: typeof observe;
  readonly setLevel: typeof setLevel;
  readonly withContext: typeof withContext;
  readonly withSpan: typeof withSpan;
}

const own: Core = {
  addContext,
  correlationId,
  counter,
  currentSpan,
  defineConfig,
  detached,
  dictConfig,
  extract,
  gauge,
  getLogger,
  histogram,
  init,
  inject,
  keepContext,
  observe,
  setLevel,
  withContext,
  withSpan,
};

/** A newer copy adds what the first does not know. */
export const core: Core = { ...own, ...shared<Core>('core', () => own) };

followOtherMajor();
