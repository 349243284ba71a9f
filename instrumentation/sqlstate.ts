/** Errors of PostgreSQL's drivers. */
import type { DatabaseFault } from './database.ts';

/** A SQLSTATE is five letters or digits. Its message may quote values of the app, a network error's does not. */
export function faultOf(error: unknown): DatabaseFault {
  const { code, name, message, severity } = (error ?? {}) as Record<string, unknown>;
  const type = typeof code === 'string' && code !== '' ? code : typeof name === 'string' ? name : '_OTHER';
  if (typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(type)) return { type, statusCode: type };
  return { type, message: typeof message === 'string' ? message : undefined };
}
