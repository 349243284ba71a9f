/** The public API where there is no Node.js: the logger prints by the console, the rest runs what it is given. */
import type { Core } from '../core.ts';
import { getLogger } from './logger.ts';

export { getLogger, setLevel } from './logger.ts';
export * from './operations.ts';
export * from './unit.ts';

export const audit: Core['audit'] = (name, fields) => getLogger('sonde.audit').event(name, fields);
export const defineEvent: Core['defineEvent'] =
  (name, logger = getLogger('events')) =>
  (fields?: any) =>
    logger.event(name, fields);
export const security: Core['security'] = (kind, fields) =>
  getLogger(`sonde.security.${kind}`).warn(kind, fields);
