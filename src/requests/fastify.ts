/**
 * Types of what Sonde lends to the requests of Fastify. Nothing at run time.
 *
 * @example import type {} from 'sonde/fastify';
 */
import type {} from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** What joins everything of this request (A27); `undefined` for a path that is ignored. */
    correlationId: string | undefined;
  }
}
