/** A log record: made once, stamped at birth, then only read. */
import type { Context } from '@opentelemetry/api';
import type { Stamp } from '../context/correlation.ts';
import type { Breadcrumbs } from './breadcrumbs.ts';
import type { LevelWord } from './levels.ts';

/**
 * One log record, whoever made it: Sonde's logger, the OpenTelemetry Logs API, or a bridged library. It is encoded
 * as a line and as OTLP from this same object.
 */
export interface LogRecord {
  /** Epoch milliseconds, with fractions where the clock gives them. */
  readonly time: number;
  readonly level: LevelWord;
  /** OpenTelemetry SeverityNumber, 1 to 24. */
  readonly severityNumber: number;
  /** Dotted logger name; the instrumentation scope in OTLP. */
  readonly logger: string;
  /** The rendered message. */
  readonly message: string;
  /** OpenTelemetry event name (`order_created`). */
  readonly eventName?: string;
  /** The call's own fields, as given: any value, encoded safely later. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** What was thrown, as given: usually an Error, but JavaScript throws anything. */
  readonly error?: unknown;
  /**
   * An earlier record of this work has told the error already (A70). It is written as `error.seen`; who counts errors
   * or sends alerts leaves this record out.
   */
  readonly seen?: boolean;
  /** What was logged in its trace before; only of ERROR and above, and only while breadcrumbs are kept (A61). */
  readonly breadcrumbs?: Breadcrumbs;
  /** Fields bound by `with()`; the call's own fields win over them. */
  readonly bound?: Readonly<Record<string, unknown>>;
  readonly stamp: Stamp;
  /** What a structured body was before it became a message; only from the OpenTelemetry Logs API. */
  readonly body?: unknown;
  /** Version of the instrumentation scope; only from the OpenTelemetry Logs API. */
  readonly scopeVersion?: string;
  /**
   * Its origin has printed it already: a bridged library writes its own line. What goes to the console must skip it,
   * so that nobody reads it twice; every other destination takes it.
   */
  readonly printed?: boolean;
  /** What a processor has rendered: the line of every printer that has no format of its own. Without secrets. */
  readonly line?: string;
  /** The context the record was born in, for processors that want more than the stamp. */
  readonly context: Context;
}

/** A destination of records inside the process: console, OTLP batch, a test's list. Must not throw. */
export type Sink = (record: LogRecord) => void;
