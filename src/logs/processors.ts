/** structlog's processors (A24): what an app may put in order to make its own records of its own events. */
import { load } from '../load.ts';
import type { LogRecord } from './record.ts';

/** A record as processors see it: the message under `event`, the error under `exc_info`, and its fields. */
export type LogEvent = Record<string, unknown>;

/**
 * Looks at an event and gives back what goes on: the same object, changed or not, or another one. `false` drops the
 * record, a text is the line that is printed. Nothing at all (a forgotten `return`) leaves the event as it now is. It
 * must not be asynchronous. One that throws is counted as `logs.processor_errors`, and the event goes on without it.
 */
export type EventProcessor = (
  event: LogEvent,
  record: LogRecord,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without `return` is a processor, too
) => LogEvent | string | boolean | void;

/** structlog's nine, by their own names; each makes a pure function for `logs.processors`. */
export interface Processors {
  /** Adds what the context holds: bound attributes, `correlation_id`, `trace_id`, `span_id`; the event's own win. */
  mergeContextvars(): EventProcessor;
  /** Drops what lies below its logger's level: what a flight recorder holds, or a level changed on the way. */
  filterByLevel(): EventProcessor;
  /** Adds `logger`. */
  addLoggerName(): EventProcessor;
  /** Adds `level` in structlog's words: `warning`, not `WARN`. */
  addLogLevel(): EventProcessor;
  /** Puts `positional_args` into the `event` by printf's rules. Calls of `log.info('%s', x)` come rendered already. */
  positionalArgumentsFormatter(): EventProcessor;
  /** Adds the time of the record: ISO 8601 in UTC under `timestamp`, or seconds since 1970. */
  timeStamper(options?: { readonly fmt?: 'iso' | 'unix'; readonly key?: string }): EventProcessor;
  /** Turns `stack_info: true` into `stack`, the stack of the call. */
  stackInfoRenderer(): EventProcessor;
  /** Turns `exc_info` into `exception`: the stack with its causes. */
  formatExcInfo(): EventProcessor;
  /** Makes the line: one JSON object with the keys in the order in which they were added, without secrets. */
  jsonRenderer(): EventProcessor;
}

const part = () => load<typeof import('./processor-parts.ts')>('processors').builtIn;

/**
 * structlog's nine processors.
 *
 * @example init({ logs: { processors: [processors.mergeContextvars(), mine, processors.jsonRenderer()] } });
 */
export const processors: Processors = {
  mergeContextvars: () => part().mergeContextvars(),
  filterByLevel: () => part().filterByLevel(),
  addLoggerName: () => part().addLoggerName(),
  addLogLevel: () => part().addLogLevel(),
  positionalArgumentsFormatter: () => part().positionalArgumentsFormatter(),
  timeStamper: (options) => part().timeStamper(options),
  stackInfoRenderer: () => part().stackInfoRenderer(),
  formatExcInfo: () => part().formatExcInfo(),
  jsonRenderer: () => part().jsonRenderer(),
};
