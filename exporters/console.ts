/** Records as lines on standard output or standard error (A36, A42). */
import type { LogFormat } from '../src/config/config.ts';
import { type Format, lineFormat } from '../src/logs/format.ts';
import type { JsonFormatOptions } from '../src/logs/json-format.ts';
import { lineStream, type StreamName } from '../src/logs/line-stream.ts';
import type { Sink } from '../src/logs/record.ts';

export interface ConsoleSinkOptions extends JsonFormatOptions {
  /** Standard output by default: Sonde's own troubles are what goes to standard error. */
  readonly stream?: StreamName;
  /** A name, or a function of one's own. `auto` (default): pretty on a terminal, JSON lines otherwise. */
  readonly format?: LogFormat | Format;
}

/**
 * Writes each record at once and synchronously; not what a bridged library has printed itself. A closed, full or
 * stuck stream never hurts the app.
 */
export function consoleSink(options: ConsoleSinkOptions = {}): Sink {
  const { stream = 'stdout', format = 'auto' } = options;
  const lines = lineStream(stream);
  const toLine = typeof format === 'function' ? format : lineFormat(format, lines.isTerminal, options);
  return (record) => {
    if (!record.printed) lines.write(toLine(record));
  };
}
