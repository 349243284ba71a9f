/** What only a server has: asked for in code that both sides share, it is there and does nothing. */
import type { Core } from '../core.ts';
import type { SondeErrorCode } from '../errors.ts';
import type { Sonde, Status } from '../sonde.ts';
import { VERSION } from '../version.ts';
import { standIn } from './stand-in.ts';

const done = async (): Promise<void> => undefined;
const status: Status = {
  version: VERSION,
  mode: 'off',
  instrumentations: { armed: [], patched: [], missed: [] },
  volume: standIn,
  overhead: { cpu: 0 },
  counters: {},
};
const sonde: Sonde = {
  forceFlush: done,
  shutdown: done,
  status: () => status,
  [Symbol.asyncDispose]: done,
};
const hidden = (): string => '[REDACTED]';

export const counter: Core['counter'] = standIn;
export const defineConfig: Core['defineConfig'] = (config) => config;
export const dictConfig: Core['dictConfig'] = standIn;
export const gauge: Core['gauge'] = standIn;
export const gracefulShutdown: Core['gracefulShutdown'] = standIn;
export const health: Core['health'] = standIn;
export const histogram: Core['histogram'] = standIn;
export const init: Core['init'] = () => sonde;
export const keepTrace: Core['keepTrace'] = standIn;
export const mask: Core['mask'] = { last4: hidden, hash: () => hidden, full: hidden };
export const metrics: Core['metrics'] = standIn;
export const observe: Core['observe'] = standIn;
export const processors: Core['processors'] = standIn;

/** Never thrown here. */
export class SondeError extends Error {
  declare readonly code: SondeErrorCode;
  declare readonly remedy: string;
}
