/** The trace in the statement itself (sqlcommenter), so that the database's own log and views can name it. */
import { type Context, isSpanContextValid, trace } from '@opentelemetry/api';
import type { Config } from '../src/config/config.ts';

/** Gives a statement as it is to be sent in `context`. */
export type SqlComment = (sql: string, context: Context) => string;

const asItIs: SqlComment = (sql) => sql;
const hasComment = /\/\*|--|#/;

/**
 * Off by default: each text is another one then, which costs those who count or cache texts. Ids alone go in, and only
 * as hexadecimal digits, so that nothing of a caller's reaches the database; a statement with a comment of its own is
 * left as it is.
 */
export function sqlComment({ db }: Pick<Config, 'db'>): SqlComment {
  return db.comment === 'on' ? withTrace : asItIs;
}

const withTrace: SqlComment = (sql, context) => {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isSpanContextValid(span) || sql === '' || hasComment.test(sql)) return sql;
  const flags = (span.traceFlags & 1) === 1 ? '01' : '00';
  const at = endOf(sql);
  const comment = `/*traceparent='00-${span.traceId}-${span.spanId}-${flags}'*/`;
  return `${sql.slice(0, at)} ${comment}${sql.slice(at)}`;
};

/** Before the semicolons and blanks at the end. */
function endOf(sql: string): number {
  let at = sql.length;
  while (at > 0 && ' \t\r\n;'.includes(sql[at - 1]!)) at -= 1;
  return at;
}
