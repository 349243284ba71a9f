/** Records of what somebody tried, and of what somebody did (A51, A65). */
import { noteSecurity } from '../context/activity.ts';
import { activeContext } from '../context/context.ts';
import { nameText } from '../processing/name-text.ts';
import { severity } from './levels.ts';
import { emitOwn } from './own-record.ts';
import { namedLevel, passes } from './tree.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The logger of one kind of security record; each may be silenced or led elsewhere by itself (A18). */
export function securityLogger(kind: string): string {
  return `sonde.security.${nameText(kind, 64).replace(/[^\w-]/g, '_')}`;
}

/**
 * Records that something was tried that should not be: a WARN of logger `sonde.security.<kind>` with `kind` for its
 * event name. If the request around is answered with a 4xx, no record of `sonde.request` repeats it. Never throws. (A51)
 *
 * @example security('permission_denied', { task_id: 7, permission: 'tasks.delete' });
 */
export function security(kind: string, fields?: Fields): void {
  const name = nameText(kind, 64);
  noteSecurity(activeContext(), name);
  const logger = securityLogger(name);
  if (passes(logger, severity.WARN)) write({ level: 'WARN', logger, eventName: name, fields });
}

const auditLogger = 'sonde.audit';

/**
 * Records what somebody did and may be asked about later: an INFO of logger `sonde.audit` with `name` for its event
 * name. It is neither sampled nor stopped by a general level; only a level of `sonde.audit` itself stops it. Passes
 * redaction like all else. Never throws. (A65)
 *
 * @example audit('orders_exported', { filters: { year: 2026 }, rows: 1042 });
 */
export function audit(name: string, fields?: Fields): void {
  if (severity.INFO < (namedLevel(auditLogger) ?? 0)) return;
  write({ level: 'INFO', logger: auditLogger, eventName: nameText(name, 64), fields });
}

interface Words {
  readonly level: 'INFO' | 'WARN';
  readonly logger: string;
  readonly eventName: string;
  readonly fields: Fields | undefined;
}

function write(words: Words): void {
  emitOwn({ ...words, message: words.eventName, context: activeContext() });
}
