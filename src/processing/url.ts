/** URLs without their secrets. Works on the text alone: linear, and next to free where there is no `?`. */
import { redactedInUrl } from './masks.ts';
import { redaction } from './redact.ts';
import { plainName } from './secret-keys.ts';

/** Whether the value under this query name must not leave the process. */
export type IsSecret = (name: string) => boolean;

/**
 * The test for names of query parameters: the rules of `redact.ts`, and `extra` (`config.privacy.redactKeys`) on top.
 * Of a nested name (`user[password]`) the last part counts.
 */
export function secretTest(extra: readonly string[] = []): IsSecret {
  if (extra.length === 0) return builtIn;
  const names = new Set(extra.map(plainName));
  return (name) => builtIn(name) || (redaction().isOn && names.has(plainName(lastPart(name))));
}

function lastPart(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('['), 0));
}

const builtIn: IsSecret = (name) => redaction().isSecretParameter(name);

/** The query (without `?`), the values of secret names replaced. The same string where there is none. */
export function redactQuery(query: string, isSecret: IsSecret = builtIn): string {
  let clean = '';
  let copied = 0;
  let equals = query.indexOf('=');
  for (let start = 0; start < query.length; ) {
    const end = endOfPair(query, start);
    // Looked for again only when passed, or a run of `&` would be read over and over.
    if (equals < start) equals = query.indexOf('=', start);
    if (equals === -1) break;
    if (equals + 1 < end && isSecret(decoded(query.slice(start, equals)))) {
      clean += query.slice(copied, equals + 1) + redactedInUrl;
      copied = end;
    }
    start = end + 1;
  }
  return copied === 0 ? query : clean + query.slice(copied);
}

function endOfPair(query: string, start: number): number {
  const end = query.indexOf('&', start);
  return end === -1 ? query.length : end;
}

/** A name may hide behind `%5F`; a malformed one is taken as it stands. */
function decoded(name: string): string {
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** The absolute or relative URL without `user:password@`, and with its query and fragment redacted. */
export function redactUrl(url: string, isSecret: IsSecret = builtIn): string {
  const bare = withoutUserInfo(url);
  const hash = bare.indexOf('#');
  if (hash !== -1) {
    return `${redactUrl(bare.slice(0, hash), isSecret)}#${redactQuery(bare.slice(hash + 1), isSecret)}`;
  }
  const mark = bare.indexOf('?');
  if (mark === -1) return bare;
  return bare.slice(0, mark + 1) + redactQuery(bare.slice(mark + 1), isSecret);
}

const endOfAuthority = /[/?#\\]/g;

function withoutUserInfo(url: string): string {
  const scheme = url.indexOf('://');
  if (scheme === -1 || !url.includes('@', scheme)) return url;
  const start = scheme + 3;
  endOfAuthority.lastIndex = start;
  const end = endOfAuthority.exec(url)?.index ?? url.length;
  const at = url.lastIndexOf('@', end - 1);
  return at < start ? url : url.slice(0, start) + url.slice(at + 1);
}
