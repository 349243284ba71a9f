/** What a logging call means, in the shapes that the Node.js logger knows. */
import type { Fields } from '../logs/logger.ts';
import { redacted } from './redacted.ts';

export interface Call {
  readonly message: string;
  /** For the console's own `%s`. */
  readonly values: readonly unknown[];
  readonly fields: Fields;
  readonly error: Error | undefined;
}

/** Understands a call. Throws what a getter or a lazy function of the caller's throws. */
export function understand(args: readonly unknown[], bound: Fields): Call {
  let message: string | undefined;
  let error: Error | undefined;
  const given: Record<string, unknown> = {};
  const values: unknown[] = [];
  const take = (value: unknown): void => {
    if (typeof value === 'function') [value()].flat().forEach(take);
    else if (value instanceof Error) error ??= value;
    else if (message === undefined && typeof value === 'string') message = value;
    else if (typeof value === 'object' && !Array.isArray(value)) Object.assign(given, value);
    else if (value != null) values.push(value);
  };
  args.forEach(take);
  for (const name of ['err', 'error', 'exc_info']) {
    if (!(given[name] instanceof Error)) continue;
    error ??= given[name] as Error;
    delete given[name];
  }
  const { extra, ...rest } = given;
  const fields = redacted({ ...bound, ...rest, ...(extra as Fields) });
  return { message: filled(message ?? error?.message ?? '', fields), values, fields, error };
}

function filled(message: string, fields: Fields): string {
  return message.replace(/\{([\w$.-]+)\}/g, (whole, name: string) => {
    const value = fields[name];
    return value === undefined ? whole : typeof value === 'object' ? JSON.stringify(value) : `${value}`;
  });
}
