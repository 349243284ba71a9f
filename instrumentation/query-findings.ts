/**
 * What is wrong with how an app asks its database, found while it asks: slow statements, the same statement again and
 * again for one piece of work (N+1), waits for locks. A finding is one WARN record per quarter of an hour, an event on
 * its span, and always a count.
 */
import {
  type Attributes,
  type Context,
  type Counter,
  type Meter,
  type Span,
  trace,
} from '@opentelemetry/api';
import type { Config } from '../src/config/config.ts';
import { tellFinding } from '../src/logs/finding.ts';
import type { SqlStatement } from '../src/processing/sql.ts';
import { type AskedAt, askedDeeply, askedLately, placeOf } from './asked-at.ts';
import { operationIn } from './orm-operation.ts';

/** A statement on its way. */
export interface Asked {
  readonly statement: SqlStatement;
  /** The caller's context, and its span if it has one. */
  readonly context: Context;
  readonly parent: Span | undefined;
  readonly site: AskedAt;
  /** Attributes of the statement that are fit for a series. */
  readonly point: Attributes;
}

export interface QueryFindings {
  /** To be called in the asking call itself. */
  asks(statement: SqlStatement, context: Context, point: Attributes): Asked;
  /** To be called when the answer is there; `status` is the database's own code of a failure. */
  answered(asked: Asked, span: Span, millis: number, status?: string): void;
}

const logger = 'sonde.db';
const mostSummaries = 100;
/** PostgreSQL: lock not available, deadlock. MySQL: lock wait timeout, deadlock. */
const lockStatus: Readonly<Record<string, readonly string[]>> = {
  postgresql: ['55P03', '40P01'],
  mysql: ['1205', '1213'],
  mariadb: ['1205', '1213'],
};

/** How often each statement ran for one span. */
const asked = new WeakMap<Span, Map<string, number>>();

export function queryFindings({ db }: Pick<Config, 'db'>, meter: Meter): QueryFindings | undefined {
  const { slowQueryMillis, nPlusOne } = db;
  if (slowQueryMillis === 0 && nPlusOne === 0) return undefined;
  const count = (name: string, description: string): Counter => meter.createCounter(name, { description });
  const slow = count('sonde.db.slow_queries', 'Statements that took longer than the threshold.');
  const repeated = count('sonde.db.n_plus_one', 'Pieces of work that ran one statement too often.');
  const locks = count(
    'sonde.db.lock_waits',
    'Statements that ended in a deadlock or did not get their lock.',
  );

  function tellRepeated({ statement, context, parent, site, point }: Asked): void {
    repeated.add(1, point);
    parent?.addEvent('sonde.n_plus_one', { 'db.query.summary': statement.summary });
    const work = (parent as { name?: string } | undefined)?.name ?? 'one piece of work';
    const message = `N+1: ${statement.summary} ran ${nPlusOne} times or more for ${work}`;
    tellFinding(`n+1 ${statement.summary} ${work}`, {
      logger,
      message,
      fields: shown(statement, context),
      context,
      // The asking call is still running.
      site: () => placeOf({ stack: askedDeeply(context).stack, before: site }),
    });
  }

  function tellSlow({ statement, context, site, point }: Asked, span: Span, millis: number): void {
    slow.add(1, point);
    span.addEvent('sonde.slow_query', { 'sonde.slow_query.threshold_ms': slowQueryMillis });
    const message = `Slow query: ${statement.summary || 'a statement'} took ${Math.round(millis)} ms`;
    tellFinding(`slow ${statement.text}`, {
      logger,
      message,
      fields: shown(statement, context),
      context,
      site: () => placeOf(site),
    });
  }

  return {
    asks(statement, context, point) {
      const one = {
        statement,
        context,
        parent: trace.getSpan(context),
        site: askedLately(statement, context),
        point,
      };
      if (nPlusOne > 0 && countIn(one) === nPlusOne) tellRepeated(one);
      return one;
    },
    answered(one, span, millis, status) {
      if (slowQueryMillis > 0 && millis >= slowQueryMillis) tellSlow(one, span, millis);
      if (status !== undefined && isLock(one.point, status)) locks.add(1, one.point);
    },
  };
}

function shown({ text }: SqlStatement, context: Context): Attributes {
  return { 'db.query.text': text, ...operationIn(context) };
}

/** How often the statement ran for its span, this time included; 0 where it does not count. */
function countIn({ statement: { summary }, parent }: Asked): number {
  if (parent === undefined || summary === '') return 0;
  const counts = asked.get(parent) ?? new Map<string, number>();
  asked.set(parent, counts);
  const times = (counts.get(summary) ?? 0) + 1;
  if (times > 1 || counts.size < mostSummaries) counts.set(summary, times);
  return times;
}

function isLock({ 'db.system.name': system }: Attributes, status: string): boolean {
  return lockStatus[String(system)]?.includes(status) ?? false;
}
