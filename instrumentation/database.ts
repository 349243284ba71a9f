/** What every traced database call has in common: a client span, its attributes, and the duration. */
import {
  type Attributes,
  type Context,
  type Histogram,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { countDbCall } from '../src/context/activity.ts';
import { activeContext } from '../src/context/context.ts';
import { isSuppressed } from '../src/context/suppression.ts';
import type { Sensors } from '../src/instrumentation.ts';
import { type BoundRecorder, boundTo } from '../src/metrics/bound.ts';
import { readSql, type SqlStatement } from '../src/processing/sql.ts';
import { watched } from '../src/traces/watched.ts';
import { askedDeeply, placeOf } from './asked-at.ts';
import { operationIn } from './orm-operation.ts';
import { queryFindings } from './query-findings.ts';
import { queryLog } from './query-log.ts';

/** Where the calls of one connection go. Make it once and keep it: what is computed for it is cached by it. */
export interface DatabaseTarget {
  /** `db.system.name`, which is also the dialect of its SQL. */
  readonly system: string;
  /** `db.namespace`. */
  readonly namespace?: string;
  /** Host name, address or socket path. */
  readonly address?: string;
  /** Left out when it is the default one of the system, as the conventions have it. */
  readonly port?: number;
}

/** What telemetry may say about an error. Only texts that hold no value of the app belong into `message`. */
export interface DatabaseFault {
  /** `error.type`. */
  readonly type: string;
  /** `db.response.status_code`: what the database itself answered, e.g. a SQLSTATE. */
  readonly statusCode?: string;
  readonly message?: string;
}

/** One call on its way. The first `end` or `fail` counts, later ones are nothing. */
export interface DatabaseCall {
  /** The caller's context with the call's span: the driver's own work belongs there. */
  readonly context: Context;
  /** `rows`: how many rows came back, where known. */
  end(rows?: number): void;
  fail(fault: DatabaseFault): void;
}

export interface Database {
  /**
   * Begins a call. `undefined` when nobody may see it (exporter traffic): then do nothing but call the driver.
   * SQL leaves only sanitized; a statement that is no SQL comes as it may be shown, the same object each time.
   * `batchSize`: how many commands go at once, where it is more than one.
   */
  start(
    target: DatabaseTarget,
    sql: string | SqlStatement,
    context?: Context,
    batchSize?: number,
  ): DatabaseCall | undefined;
  /** A connection that was wanted in `context` and not got; told only where some work asked for it. */
  unreachable(target: DatabaseTarget, fault: DatabaseFault, startTime: number, context: Context): void;
}

/** Buckets in seconds that the semantic conventions advise. */
export const buckets: number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** What is the same for every call of one statement at one target. */
interface Prepared {
  readonly statement: SqlStatement;
  readonly name: string;
  readonly span: Attributes;
  readonly point: Attributes;
  /** The duration of those that go well. */
  readonly duration: BoundRecorder;
}

/** The span and metric skeleton for one database instrumentation. */
export function databaseSensor(sensors: Sensors): Database {
  const { tracer, meter } = sensors;
  const duration = meter.createHistogram('db.client.operation.duration', {
    unit: 's',
    description: 'Duration of database client operations.',
    advice: { explicitBucketBoundaries: buckets },
  });
  const log = queryLog(sensors.config);
  const findings = queryFindings(sensors.config, meter);
  const prepared = new WeakMap<DatabaseTarget, WeakMap<SqlStatement, Prepared>>();

  function prepare(target: DatabaseTarget, sql: string | SqlStatement): Prepared {
    const statement = typeof sql === 'string' ? readSql(sql, target.system) : sql;
    const known = prepared.get(target);
    const found = known?.get(statement);
    if (found !== undefined) return found;
    const made = describe(target, statement, duration);
    if (known === undefined) prepared.set(target, new WeakMap([[statement, made]]));
    else known.set(statement, made);
    return made;
  }

  return {
    start(target, sql, context = activeContext(), batchSize = 1) {
      if (isSuppressed(context)) return undefined;
      const call = prepare(target, sql);
      // A parent that is not recorded decides for its children: then the attributes would be work for nobody.
      const attributes = isLeftOut(context) ? undefined : call.span;
      const span = tracer.startSpan(call.name, { kind: SpanKind.CLIENT, attributes }, context);
      if (attributes === undefined && span.isRecording()) span.setAttributes(call.span);
      const operation = span.isRecording() ? operationIn(context) : undefined;
      if (operation !== undefined) span.setAttributes(operation);
      if (batchSize > 1 && span.isRecording()) span.setAttribute('db.operation.batch.size', batchSize);
      // Of what is no SQL a program may well say the same a hundred times.
      const asked = typeof sql === 'string' ? findings?.asks(call.statement, context, call.point) : undefined;
      if (watched.spans.size > 0) watched.askedAt.set(span, placeOf(askedDeeply(context)));
      const inner = trace.setSpan(context, span);
      return begin(span, inner, call.point, (millis, attributes, fault) => {
        if (fault === undefined) call.duration.record(millis / 1000, inner);
        else duration.record(millis / 1000, attributes, inner);
        if (asked !== undefined) findings?.answered(asked, span, millis, fault?.statusCode);
        if (typeof sql === 'string') log?.(call.statement, millis, context, fault?.type);
      });
    },

    unreachable(target, fault, startTime, context) {
      if (isSuppressed(context) || trace.getSpan(context) === undefined) return;
      const name = `CONNECT ${target.namespace ?? (target.address || target.system)}`;
      const attributes = { ...place(target), 'db.operation.name': 'CONNECT' };
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes, startTime }, context);
      tell(span, fault);
      span.end();
    },
  };
}

function isLeftOut(context: Context): boolean {
  const parent = trace.getSpan(context);
  return parent !== undefined && (parent.spanContext().traceFlags & 1) === 0 && !parent.isRecording();
}

function place({ system, namespace, address, port }: DatabaseTarget): Attributes {
  return defined({
    'db.system.name': system,
    'db.namespace': namespace,
    // A node of a cluster may announce none.
    'server.address': address || undefined,
    'server.port': address ? port : undefined,
  });
}

function describe(target: DatabaseTarget, statement: SqlStatement, duration: Histogram): Prepared {
  const { text, operation, collection, summary } = statement;
  const point = defined({
    ...place(target),
    'db.operation.name': operation,
    'db.collection.name': collection,
    'db.query.summary': summary || undefined,
  });
  const span = defined({ ...point, 'db.query.text': text || undefined });
  return {
    statement,
    name: summary || operation || target.namespace || target.system,
    span,
    point,
    duration: boundTo(duration, point),
  };
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

type Ended = (millis: number, attributes: Attributes, fault?: DatabaseFault) => void;

function begin(span: Span, context: Context, point: Attributes, ended: Ended): DatabaseCall {
  const start = performance.now();
  let open = true;
  function finish(attributes: Attributes, fault?: DatabaseFault): void {
    open = false;
    const millis = performance.now() - start;
    ended(millis, attributes, fault);
    countDbCall(context, millis);
    span.end();
  }
  return {
    context,
    end(rows) {
      if (!open) return;
      if (rows !== undefined && span.isRecording()) span.setAttribute('db.response.returned_rows', rows);
      finish(point);
    },
    fail(fault) {
      if (!open) return;
      if (span.isRecording()) tell(span, fault);
      finish({ ...point, ...errorAttributes(fault) }, fault);
    },
  };
}

function errorAttributes({ type, statusCode }: DatabaseFault): Attributes {
  return defined({ 'error.type': type, 'db.response.status_code': statusCode });
}

function tell(span: Span, fault: DatabaseFault): void {
  span.setAttributes(errorAttributes(fault));
  span.setStatus({ code: SpanStatusCode.ERROR, message: fault.message });
}
