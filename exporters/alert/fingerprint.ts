/** Which alerts are of one kind: thrown at one place, or said by one line of code. */
import { createHash } from 'node:crypto';
import { fingerprintOf as fingerprintOfError } from '../../src/logs/fingerprint.ts';
import type { LogRecord } from '../../src/logs/record.ts';

/** Longer texts differ in their beginning, if at all. */
const longest = 500;
const varying = /"[^"]*"|'[^']*'|\b[\da-f]{8,}\b|\d+/gi;

/** 16 hex digits, equal for records that differ in ids, numbers and quotations only. */
export function fingerprintOf({ error, logger, message }: LogRecord): string {
  if (typeof error === 'object' && error !== null) return fingerprintOfError(error);
  const template = `${logger}\n${message.slice(0, longest).replace(varying, '#')}`;
  return createHash('sha256').update(template).digest('hex').slice(0, 16);
}
