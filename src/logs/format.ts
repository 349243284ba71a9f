/** The formats of a line by name, and which one `auto` is. */
import { type LogFormat, logFormats } from '../config/config.ts';
import { wantsColor } from '../config/early.ts';
import { load } from '../load.ts';
import { type Format, type JsonFormatOptions, jsonFormat } from './json-format.ts';
import { logfmtFormat } from './logfmt-format.ts';
import { prettyFormat } from './pretty-format.ts';

export type { Format } from './json-format.ts';

/** The format of that name; `auto` is `pretty` on a terminal and JSON lines otherwise. */
export function lineFormat(name: LogFormat, isTerminal: boolean, options: JsonFormatOptions = {}): Format {
  const chosen = name === 'auto' ? (isTerminal ? 'pretty' : 'json') : name;
  if (chosen === 'pretty') return prettyFormat({ colors: wantsColor(isTerminal) });
  if (chosen === 'logfmt') return logfmtFormat();
  if (chosen === 'json') return jsonFormat(options);
  if (chosen === 'otlp-json')
    return load<{ otlpLine(options: JsonFormatOptions): Format }>('line').otlpLine(options);
  return load<typeof import('./presets.ts')>('presets').presets[chosen](options);
}

export function isFormatName(name: unknown): name is LogFormat {
  return logFormats.includes(name as LogFormat);
}
