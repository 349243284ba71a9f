/** The `tracestate` header, W3C Trace Context level 2: an ordered list of at most 32 members. */
import type { TraceState } from '@opentelemetry/api';

const maxMembers = 32;
/** 32 members of the greatest size, each with its comma and a little white space. */
const maxLength = maxMembers * 520;
const keyShape = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/;
const valueShape = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

type Members = ReadonlyMap<string, string>;

/**
 * The members of a header, several headers having been joined by commas; `undefined` when any member is wrong or
 * there are more than 32: then the whole list is discarded. Empty members are skipped; of a key that is given
 * twice the first counts, because the left-most is the newest.
 */
export function parseTracestate(header: string): TraceState | undefined {
  if (header.length > maxLength) return undefined;
  const members = new Map<string, string>();
  for (const part of header.split(',')) {
    const member = trimOws(part);
    if (member === '') continue;
    const equals = member.indexOf('=');
    const key = member.slice(0, Math.max(equals, 0));
    const value = member.slice(equals + 1);
    if (!keyShape.test(key) || !valueShape.test(value)) return undefined;
    if (!members.has(key)) members.set(key, value);
    if (members.size > maxMembers) return undefined;
  }
  return members.size === 0 ? undefined : stateOf(members);
}

/** Spaces and tabs around a list member are not part of it; other white space is not forgiven. */
function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Immutable, as OpenTelemetry asks: `set` puts the member in front, and the right-most falls out after 32. */
function stateOf(members: Members): TraceState {
  return {
    get: (key) => members.get(key),
    set: (key, value) =>
      keyShape.test(key) && valueShape.test(value)
        ? stateOf(new Map([[key, value], ...without(members, key).slice(0, maxMembers - 1)]))
        : stateOf(members),
    unset: (key) => stateOf(new Map(without(members, key))),
    serialize: () => Array.from(members, ([key, value]) => `${key}=${value}`).join(','),
  };
}

function without(members: Members, key: string): [string, string][] {
  return [...members].filter(([other]) => other !== key);
}
