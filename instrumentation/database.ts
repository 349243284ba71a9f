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
import { activeContext } from '../src/context/context.ts';
import { isSuppressed } from '../src/context/suppression.ts';
import type { Sensors } from '../src/instrumentation.ts';
import { readSql, type SqlStatement } from '../src/processing/sql.ts';

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
   * `text` leaves only sanitized.
   */
  start(target: DatabaseTarget, text: string, context?: Context): DatabaseCall | undefined;
  /** A connection that was wanted in `context` and not got; told only where some work asked for it. */
  unreachable(target: DatabaseTarget, fault: DatabaseFault, startTime: number, context: Context): void;
}

/** Buckets in seconds that the semantic conventions advise. */
const buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/** What is the same for every call of one statement at one target. */
interface Prepared {
  readonly name: string;
  readonly span: Attributes;
  readonly point: Attributes;
}

/** The span and metric skeleton for one database instrumentation. */
export function databaseSensor(sensors: Sensors): Database {
  const { tracer, meter } = sensors;
  const duration = meter.createHistogram('db.client.operation.duration', {
    unit: 's',
    description: 'Duration of database client operations.',
    advice: { explicitBucketBoundaries: buckets },
  });
  const prepared = new WeakMap<DatabaseTarget, WeakMap<SqlStatement, Prepared>>();

  function prepare(target: DatabaseTarget, text: string): Prepared {
    const statement = readSql(text, target.system);
    const known = prepared.get(target) ?? new WeakMap<SqlStatement, Prepared>();
    const found = known.get(statement) ?? describe(target, statement);
    prepared.set(target, known);
    known.set(statement, found);
    return found;
  }

  return {
    start(target, text, context = activeContext()) {
      if (isSuppressed(context)) return undefined;
      const call = prepare(target, text);
      // An unsampled parent decides for its children: then the attributes would be work for nobody.
      const attributes = isUnsampled(context) ? undefined : call.span;
      const span = tracer.startSpan(call.name, { kind: SpanKind.CLIENT, attributes }, context);
      if (attributes === undefined && span.isRecording()) span.setAttributes(call.span);
      return begin(span, trace.setSpan(context, span), call.point, duration);
    },

    unreachable(target, fault, startTime, context) {
      if (isSuppressed(context) || trace.getSpan(context) === undefined) return;
      const name = `CONNECT ${target.namespace ?? target.address ?? target.system}`;
      const attributes = { ...place(target), 'db.operation.name': 'CONNECT' };
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes, startTime }, context);
      tell(span, fault);
      span.end();
    },
  };
}

function isUnsampled(context: Context): boolean {
  const parent = trace.getSpanContext(context);
  return parent !== undefined && (parent.traceFlags & 1) === 0;
}

function place({ system, namespace, address, port }: DatabaseTarget): Attributes {
  return defined({
    'db.system.name': system,
    'db.namespace': namespace,
    'server.address': address,
    'server.port': address === undefined ? undefined : port,
  });
}

function describe(target: DatabaseTarget, { text, operation, collection, summary }: SqlStatement): Prepared {
  const point = defined({
    ...place(target),
    'db.operation.name': operation,
    'db.collection.name': collection,
    'db.query.summary': summary || undefined,
  });
  const span = defined({ ...point, 'db.query.text': text || undefined });
  return { name: summary || target.namespace || target.system, span, point: Object.freeze(point) };
}

function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

function begin(span: Span, context: Context, point: Attributes, duration: Histogram): DatabaseCall {
  const start = performance.now();
  let open = true;
  function finish(attributes: Attributes): void {
    open = false;
    duration.record((performance.now() - start) / 1000, attributes, context);
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
      finish({ ...point, ...errorAttributes(fault) });
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
