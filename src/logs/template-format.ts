/** Lines by Python's format strings, and python-json-logger's objects by the same (A9). */
import { redactText } from '../processing/redact.ts';
import type { Formatter } from './handler.ts';
import { jsonText, quoteKey } from './json-value.ts';
import { mergedFields, visible } from './pretty-format.ts';
import { errorStack, tokenOf } from './record-tokens.ts';
import { piecesOf, type TemplateStyle } from './template.ts';

export interface TemplateOptions {
  /** `%(message)s` (or its like in the style) by default. */
  readonly format?: string;
  /** `%` by default, as Python. */
  readonly style?: TemplateStyle;
  /** How `asctime` is written, in the directives of C's `strftime`. */
  readonly datefmt?: string;
  /** Whether a format that cannot be understood is an error; true by default. */
  readonly validate?: boolean;
  /** What stands for names that a record does not have; `-` for those that are not named here. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

export interface JsonTemplateOptions extends TemplateOptions {
  /** New names for fields. */
  readonly rename_fields?: Readonly<Record<string, string>>;
  /** Added to every object. */
  readonly static_fields?: Readonly<Record<string, unknown>>;
  /** Adds the time in ISO 8601 as `timestamp`, or under the name given. */
  readonly timestamp?: boolean | string;
}

const bare: Readonly<Record<TemplateStyle, string>> = { '%': '%(message)s', '{': '{message}', $: '$message' };

function plain(value: unknown): string {
  if (typeof value === 'string') return redactText(value);
  if (value === undefined || value === null) return 'None';
  return jsonText(value) ?? 'None';
}

/**
 * One line by a format string; the stack of an error follows in lines of its own. Control characters of data are
 * spelt out, so that no message forges a line, and secrets are taken out. Throws an Error for a format that cannot be understood.
 *
 * @example templateFormat({ format: '{asctime} {levelname} {name} {message}', style: '{' })
 */
export function templateFormat(options: TemplateOptions = {}): Formatter {
  const { style = '%', datefmt, defaults } = options;
  const pieces = piecesOf(options.format ?? bare[style], style, options.validate);
  const writers = pieces.map((piece): Formatter => {
    if (typeof piece === 'string') return () => piece;
    const token = tokenOf(piece.name, datefmt, defaults);
    return (record) => {
      const value = token(record);
      return piece.show(value, visible(plain(value)));
    };
  });
  return (record) => {
    let line = '';
    for (const write of writers) line += write(record);
    const stack = errorStack(record);
    return stack === undefined ? line : `${line}\n${stack.split('\n').map(visible).join('\n')}`;
  };
}

/**
 * One object with exactly the fields that the format names, in that order, then `static_fields`, the record's own
 * fields flat, the error as `exc_info`, and the timestamp if it is wanted. Throws as `templateFormat`.
 */
export function jsonTemplateFormat(options: JsonTemplateOptions = {}): Formatter {
  const { style = '%', datefmt, defaults, rename_fields: renames = {}, static_fields: fixed = {} } = options;
  const names = namesIn(options.format ?? bare[style], style, options.validate);
  const tokens = names.map((name) => [name, tokenOf(name, datefmt, defaults)] as const);
  const stamp = options.timestamp === true ? 'timestamp' : options.timestamp || undefined;
  const outName = (name: string): string => (Object.hasOwn(renames, name) ? renames[name]! : name);
  return (record) => {
    const object = new Map<string, string>();
    const put = (name: string, value: unknown): void => {
      object.set(outName(name), jsonText(value) ?? 'null');
    };
    for (const [name, token] of tokens) put(name, token(record));
    for (const name of Object.keys(fixed)) put(name, fixed[name]);
    const fields = mergedFields(record);
    for (const name of Object.keys(fields)) if (!names.includes(name)) put(name, fields[name]);
    if (record.error !== undefined) put('exc_info', errorStack(record));
    if (stamp !== undefined) put(stamp, new Date(record.time).toISOString().replace('Z', '000+00:00'));
    return `{${[...object].map(([name, text]) => `${quoteKey(name)}: ${text}`).join(', ')}}`;
  };
}

function namesIn(format: string, style: TemplateStyle, validate: boolean | undefined): string[] {
  const names = piecesOf(format, style, validate).flatMap((piece) =>
    typeof piece === 'string' ? [] : [piece.name],
  );
  return [...new Set(names)];
}
