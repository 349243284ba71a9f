/**
 * Types of what Sonde lends to the contexts of Hono: `c.get('log')`, `c.var.correlationId`. Nothing at run time.
 *
 * @example import type {} from 'sonde/hono';
 */
import type {} from 'hono';
import type { Logger } from '../logs/logger.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /** Sonde's logger `hono`: its records carry the ids of the request. */
    log: Logger;
    /** What joins everything of this request (A27); `undefined` for a path that is ignored. */
    correlationId: string | undefined;
  }
}
