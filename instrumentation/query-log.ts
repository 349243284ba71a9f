/**
 * What Django logs of its database: each statement at DEBUG by `sonde.db` (A49), those that change the schema by
 * `sonde.db.schema` (A50). Values of the app are in none of them.
 */
import type { Context } from '@opentelemetry/api';
import type { Config } from '../src/config/config.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { severity } from '../src/logs/levels.ts';
import { emitOwn } from '../src/logs/own-record.ts';
import { type LoggerNode, nodeOf } from '../src/logs/tree.ts';
import type { SqlStatement } from '../src/processing/sql.ts';
import { operationIn } from './orm-operation.ts';

/** Writes one executed statement; to be called when it has ended. */
export type QueryLog = (statement: SqlStatement, millis: number, context: Context, failed?: string) => void;

const queries = nodeOf('sonde.db');
const schema = nodeOf('sonde.db.schema');
const schemaVerbs = /^(?:CREATE|ALTER|DROP|TRUNCATE|RENAME|COMMENT)\b/;
/** Transactions, and what drivers and frameworks set up by themselves. */
const silent = /^(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|SET|RESET|DISCARD|USE)\b/;

/** Nothing where no statement is ever to be logged: outside development only who asks for it gets it. */
export function queryLog({ db, surroundings }: Pick<Config, 'db' | 'surroundings'>): QueryLog | undefined {
  const asked = db.logQueries === 'on' || (db.logQueries === 'auto' && surroundings.development);
  if (asked) return write;
  return db.logQueries === 'auto' ? advise : undefined;
}

function nodeFor(operation: string | undefined): LoggerNode | undefined {
  if (operation === undefined) return queries;
  if (schemaVerbs.test(operation)) return schema;
  return silent.test(operation) ? undefined : queries;
}

const write: QueryLog = ({ operation, text }, millis, context, failed) => {
  const node = nodeFor(operation);
  if (node === undefined || node.threshold > severity.DEBUG) return;
  const duration = Math.round(millis * 1000) / 1000;
  const fields = {
    ...(node === queries && { duration_ms: duration }),
    'db.query.text': text,
    ...operationIn(context),
    ...(failed !== undefined && { 'error.type': failed }),
  };
  const message = node === queries ? `(${duration} ms) ${text}` : text;
  emitOwn({ logger: node.name, level: 'DEBUG', message, fields, context });
};

const advise: QueryLog = () => {
  if (Math.min(queries.inForce, queries.wanted) > severity.DEBUG) return;
  diagnostics.warnOnce(
    'query log',
    'SONDE_ERR_QUERY_LOG',
    'The logger sonde.db is at DEBUG, but outside development no statement is logged.',
  );
};
