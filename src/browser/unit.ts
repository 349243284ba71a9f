/** Units of work where nothing follows them: what is to run is run, what is to be added is not. */
import type { Core } from '../core.ts';
import { standIn } from './stand-in.ts';

type Run = (...args: readonly unknown[]) => unknown;

/** Runs the last of its arguments that is a function. */
const run: Run = (...args) => {
  const fn = args.findLast((arg) => typeof arg === 'function') as Run | undefined;
  return fn?.(standIn);
};
const nothing = (): undefined => undefined;

export const addContext: Core['addContext'] = nothing;
export const annotate: Core['annotate'] = nothing;
export const correlationId: Core['correlationId'] = nothing;
export const currentSpan: Core['currentSpan'] = nothing;
export const detached: Core['detached'] = run as Core['detached'];
export const extract: Core['extract'] = run as Core['extract'];
export const inject: Core['inject'] = ((carrier: object = {}) => carrier) as Core['inject'];
export const runJob: Core['runJob'] = (_name, fn) => fn();
export const withContext: Core['withContext'] = run as Core['withContext'];
export const withSpan: Core['withSpan'] = run as Core['withSpan'];
export const wrapHandler: Core['wrapHandler'] = (fn) => fn;
export const keepContext: Core['keepContext'] = wrapHandler as Core['keepContext'];
export const wrapJob: Core['wrapJob'] = wrapHandler as Core['wrapJob'];
