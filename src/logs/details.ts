/** Records below their logger's level, which are made because somebody may want them later. */
import { severity } from './levels.ts';
import type { LogRecord } from './record.ts';
import { nodeOf } from './tree.ts';

/** SOCKET: who decides of details, by what becomes of the work that they belong to. Neither call throws. */
export interface DetailHolder {
  /** Whether this detail is to be written now; if not it is held, or left out and counted. */
  lets(record: LogRecord): boolean;
  /** A record of ERROR or above is about to be written. */
  erred(record: LogRecord): void;
}

/** No general level stops what this logger says of what somebody did. */
const auditLogger = 'sonde.audit';

/** Whether the level in force would not have let the record be. */
export function isDetail({ logger, severityNumber, printed }: LogRecord): boolean {
  // A library that prints for itself goes by the level of its bridge; an official bridge asks for ours.
  if (printed && !logger.startsWith('@opentelemetry/')) return false;
  if (logger === auditLogger && severityNumber >= severity.INFO) return false;
  return severityNumber < nodeOf(logger).inForce;
}

/** Whether the record is of what somebody tried or did: it waits for no verdict (A51, A65). */
export function isNeverHeld({ logger }: LogRecord): boolean {
  return logger === auditLogger || logger.startsWith('sonde.security');
}
