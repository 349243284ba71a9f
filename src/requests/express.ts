/**
 * Types of what Sonde lends to the requests of Express and of NestJS on Express. Nothing at run time; where another
 * library types `req.log` (pino-http), leave this out.
 *
 * @example import type {} from 'sonde/express';
 */
import type { Logger } from '../logs/logger.ts';

declare global {
  namespace Express {
    interface Request {
      /** Sonde's logger `express`: its records carry the ids of the request. */
      log: Logger;
      /** What joins everything of this request (A27); `undefined` for a path that is ignored. */
      correlationId: string | undefined;
    }
  }
}
