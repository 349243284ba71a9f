/** How what is found wrong in an app's work is told: one WARN record per quarter of an hour. */
import type { Attributes, Context } from '@opentelemetry/api';
import type { CallSite } from './call-site.ts';
import { severity } from './levels.ts';
import { emitOwn } from './own-record.ts';
import { now } from './time.ts';
import { passes } from './tree.ts';

export interface Finding {
  readonly logger: string;
  readonly message: string;
  readonly fields: Attributes;
  /** That of the work it was found in. */
  readonly context: Context;
  /** Where in the app it came about, as far as that can be known; asked for only where it is told. */
  readonly site?: () => CallSite;
}

const quietMillis = 15 * 60_000;
const mostTold = 500;

/** When each finding was told last, the oldest first. */
const told = new Map<string, number>();

/** Tells a finding, unless one with the same fingerprint was told lately. */
export function tellFinding(fingerprint: string, { logger, message, fields, context, site }: Finding): void {
  if (!passes(logger, severity.WARN) || wasTold(fingerprint, now())) return;
  const { pathname = '', line, functionName = '' } = site?.() ?? {};
  emitOwn({
    logger,
    level: 'WARN',
    message,
    fields: {
      ...fields,
      ...(pathname !== '' && { 'code.file.path': pathname, 'code.line.number': line }),
      ...(functionName !== '' && { 'code.function.name': functionName }),
    },
    context,
  });
}

function wasTold(fingerprint: string, time: number): boolean {
  const last = told.get(fingerprint);
  if (last !== undefined && time - last < quietMillis) return true;
  told.delete(fingerprint);
  told.set(fingerprint, time);
  const [oldest] = told.keys();
  if (told.size > mostTold && oldest !== undefined) told.delete(oldest);
  return false;
}
