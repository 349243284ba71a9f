/** How a value is shown in a message: short, on one line, and without what may be secret. */
import type { Kind } from './kinds.ts';

const hidden = '[redacted]';
const longest = 100;
const secretPair =
  /((?:token|secret|passw|pwd|api[-_]?key|auth|credential|signature)[^=:&,;\s]*\s*[=:]\s*)[^&,;]+/gi;

/** Takes user, password, query and what follows a telling name out of a text. */
function scrub(text: string): string {
  return text
    .replace(/\/\/[^/\s]*@/g, `//${hidden}@`)
    .replace(/\?[^\s#]+/g, `?${hidden}`)
    .replace(secretPair, `$1${hidden}`);
}

const place = /^(?:[a-z][\w+.-]*:\/\/)?[\w.-]*[.:][\w.:[\]-]*(?:\/[\w.~/-]*)?$/i;

/** A text where a URL should be may be anything, a key for instance: only what looks like a place is shown. */
function scrubUrl(text: string): string {
  const scrubbed = scrub(text);
  const bare = scrubbed.replaceAll(`${hidden}@`, '').replaceAll(`?${hidden}`, '');
  const hasKey = bare.split(/[/:]/).some((part) => part.length > 24 && !part.includes('.'));
  return place.test(bare) && !hasKey ? scrubbed : hidden;
}

function quote(text: string): string {
  const short = text.length > longest ? `${text.slice(0, longest)}...` : text;
  return JSON.stringify(short);
}

function describe(given: unknown): string {
  if (typeof given === 'bigint' || typeof given === 'number' || typeof given === 'boolean')
    return String(given);
  if (given === null || given === undefined) return String(given);
  if (Array.isArray(given))
    return given.every((item) => typeof item === 'string') ? 'a list' : 'a mixed list';
  return typeof given === 'object' ? tagOf(given) : `a ${typeof given}`;
}

/** `an object` for a plain one, else its class: `a Map`. */
function tagOf(given: object): string {
  const tag = Object.prototype.toString.call(given).slice('[object '.length, -1);
  return tag === 'Object' ? 'an object' : `a ${tag}`;
}

/** A wrong value as the user gave it. */
export function shown(given: unknown, secret?: Kind<unknown>['secret']): string {
  if (
    Array.isArray(given) &&
    given.length > 0 &&
    given.every((item) => typeof item === 'string') &&
    !secret
  ) {
    return `[${given.map((item) => quote(scrub(item))).join(', ')}]`;
  }
  if (typeof given !== 'string') return describe(given);
  if (secret === 'whole') return hidden;
  return quote(secret === 'url' ? scrubUrl(given) : scrub(given));
}

/** A value that holds, after "using": bare words, `none` for nothing. */
export function inUse(value: unknown, secret?: Kind<unknown>['secret']): string {
  if (value === undefined) return 'none';
  if (value === Number.POSITIVE_INFINITY) return 'no limit';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'object' && value !== null)
    return Object.keys(value).length === 0 ? 'none' : 'the others';
  return secret === 'whole' ? hidden : secret === 'url' ? scrubUrl(String(value)) : scrub(String(value));
}
