/** How what is wrong in the use of a database is told: one WARN record of `sonde.db` per quarter of an hour. */
import type { Attributes, Context } from '@opentelemetry/api';
import { stampOf } from '../src/context/correlation.ts';
import { severity } from '../src/logs/levels.ts';
import { emit } from '../src/logs/pipeline.ts';
import { now } from '../src/logs/time.ts';
import { nodeOf } from '../src/logs/tree.ts';
import { type AskedAt, placeOf } from './asked-at.ts';

export interface Finding {
  readonly message: string;
  readonly fields: Attributes;
  /** The caller's. */
  readonly context: Context;
  readonly site: AskedAt;
}

const node = nodeOf('sonde.db');
const quietMillis = 15 * 60_000;
const mostTold = 500;

/** When each finding was told last, the oldest first. */
const told = new Map<string, number>();

/** Tells a finding, unless one with the same fingerprint was told lately. */
export function tellFinding(fingerprint: string, { message, fields, context, site }: Finding): void {
  const time = now();
  if (node.threshold > severity.WARN || wasTold(fingerprint, time)) return;
  const { pathname, line, functionName } = placeOf(site);
  emit({
    logger: node.name,
    message,
    fields: {
      ...fields,
      ...(pathname !== '' && { 'code.file.path': pathname, 'code.line.number': line }),
      ...(functionName !== '' && { 'code.function.name': functionName }),
    },
    context,
    time,
    level: 'WARN',
    severityNumber: severity.WARN,
    stamp: stampOf(context),
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
