/** Headers on spans: only those that an allow-list names, and what is a secret not even then. */
import type { Attributes } from '@opentelemetry/api';
import { redactKey } from '../src/processing/redact.ts';
import { remember } from './http-attributes.ts';

type Headers = Readonly<Record<string, unknown>>;

/** Whoever has one of these can act for its owner. No pattern brings them out, nor `allowKeys`. */
const never =
  /^(?:(?:proxy-)?auth[a-z-]*|cookie2?|set-cookie2?|.*(?:token|secret|password|api-?key|session|csrf|xsrf|credential|signature).*)$/;

/**
 * What makes attributes (`http.request.header.x-tenant`) of the headers that `patterns` name: names in any case, `*` for
 * any part. `undefined` where nothing is named.
 */
export function headerCapture(
  patterns: readonly string[],
  side: 'request' | 'response',
): ((headers: Headers) => Attributes) | undefined {
  if (patterns.length === 0) return undefined;
  const test = new RegExp(`^(?:${patterns.map(sourceOf).join('|')})$`);
  const attributeOf = remember<{ readonly name: string | undefined }>(500, (name) => {
    const lower = name.toLowerCase();
    const isWanted = test.test(lower) && !never.test(lower) && !redactKey(lower);
    return { name: isWanted ? `http.${side}.header.${lower}` : undefined };
  });
  return (headers) => {
    const attributes: Attributes = {};
    for (const header in headers) {
      const { name } = attributeOf(header);
      if (name !== undefined && headers[header] !== undefined) attributes[name] = valuesOf(headers[header]);
    }
    return attributes;
  };
}

/** As the conventions have it: a list, whatever came. */
function valuesOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

function sourceOf(pattern: string): string {
  return pattern
    .toLowerCase()
    .replace(/[.+^$|\\]/g, '\\$&')
    .replaceAll('*', '[^:]*');
}
